import type { WeightsError } from "../../core/index.ts";
import type { PickleValue } from "./values.ts";

/** The machine's stack with its marks; never reaches below the bottom or across a mark. */
export class PickleStack {
  readonly #values: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #refuse: (code: string, message: string) => WeightsError;

  constructor(refuse: (code: string, message: string) => WeightsError) {
    this.#refuse = refuse;
  }

  push(value: PickleValue): void {
    this.#values.push(value);
  }

  pop(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#values.length <= floor) throw this.#refuse("invalid-pickle", "the stack is empty.");
    return this.#values.pop()!;
  }

  /** The value on top, which stays. */
  top(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#values.length <= floor) throw this.#refuse("invalid-pickle", "the stack is empty.");
    return this.#values.at(-1)!;
  }

  mark(): void {
    this.#marks.push(this.#values.length);
  }

  /** Takes everything above the last mark, and the mark. */
  popMark(): PickleValue[] {
    const start = this.#marks.pop();
    if (start === undefined) throw this.#refuse("invalid-pickle", "there is no mark on the stack.");
    return this.#values.splice(start);
  }

  /** POP: takes the mark where that is what lies on top. */
  discard(): void {
    if (this.#marks.at(-1) === this.#values.length) this.#marks.pop();
    else this.pop();
  }
}
