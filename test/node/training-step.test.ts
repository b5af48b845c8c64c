import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { seededRandom, tensor, type StateDict, type Tensor } from "../../src/core/index.ts";
import { openTrainingStep, trainingProgramFor } from "../../src/node/index.ts";
import { resnetConfig } from "../../src/nn/index.ts";
import {
  initialTrainingState,
  trainingProgram,
  type StepBatch,
  type TrainingProgram,
  type TrainingProgramOptions,
  type TrainingStep,
} from "../../src/train/index.ts";

const config = resnetConfig({
  layers: [1, 1],
  width: 16,
  cardinality: 4,
  baseWidth: 16,
  stem: "cifar",
  numClasses: 10,
});

const small = { batchSize: 4, inputSize: 8 } as const;

const tiny = (options: Partial<TrainingProgramOptions> = {}): TrainingProgram =>
  trainingProgram(config, { ...small, ...options });

/** The batch of a step: the same one for the same number. */
function batchOf(number: number, images = 4): StepBatch {
  const random = seededRandom(number);
  const targets = new Float32Array(images * 10);
  for (let image = 0; image < images; image++) targets[image * 10 + Math.floor(random.uniform() * 10)] = 1;
  return { images: Float32Array.from({ length: images * 3 * 64 }, () => random.normal()), targets };
}

const rates = (step: number) => ({ learningRate: 0.05, step });

async function take(step: TrainingStep, from: number, to: number, images?: number): Promise<number[]> {
  const losses = [];
  for (let count = from; count <= to; count++) {
    losses.push((await step.run(batchOf(count, images), rates(count))).loss);
  }
  return losses;
}

const asDict = (state: ReadonlyMap<string, Tensor<"float32">>): StateDict =>
  new Map([...state].map(([name, { dims, data }]) => [name, tensor("float32", dims, data)]));

const failure = (name: string, code: string): unknown => expect.objectContaining({ name, code });

describe("a training step", () => {
  it("takes the memory of its batch and gives it back, and copies of its state", async () => {
    const program = tiny();
    const step = await openTrainingStep(program, { state: initialTrainingState(program) });
    const batch = batchOf(1);
    const { loss, correct, batch: returned } = await step.run(batch, rates(1));
    expect(batch.images.byteLength + batch.targets.byteLength).toBe(0);
    expect(returned).toEqual(batchOf(1));
    expect(loss).toBeGreaterThan(0);
    expect(correct).toBeLessThanOrEqual(4);
    const first = await step.state();
    expect([...first.keys()]).toEqual(program.state.map(({ name }) => name));
    for (const { data } of first.values()) data.fill(NaN);
    for (const { data } of (await step.state()).values()) expect(data).not.toContain(NaN);
    await step.release();
  });

  it.each([
    ["one graph", {}],
    ["two graphs", { accumulate: 2, batchSize: 2, dropRate: 0.2, dropPathRate: 0.2 }],
  ])("repeats itself bit for bit, and goes on from a restored state: %s", async (_, options) => {
    const program = await trainingProgramFor("cpu", config, { ...small, ...options });
    const state = initialTrainingState(program, { seed: 3 });
    const [once, again] = await Promise.all([0, 1].map(() => openTrainingStep(program, { state, seed: 5 })));
    const losses = await take(once!, 1, 3);
    expect(await take(again!, 1, 3)).toEqual(losses);
    const three = await once!.state();
    expect(await again!.state()).toEqual(three);

    const onwards = await take(once!, 4, 6);
    expect(await once!.state()).not.toEqual(three);
    await once!.restore(asDict(three));
    expect(await once!.state()).toEqual(three);
    expect(await take(once!, 4, 6)).toEqual(onwards);
    await Promise.all([once!.release(), again!.release()]);
  });

  it("trains the same whether its gradients are exchanged or not", async () => {
    const program = tiny({ flatGradients: true, accumulate: 2, batchSize: 2 });
    const state = initialTrainingState(program);
    const lengths: number[] = [];
    const plain = await openTrainingStep(program, { state });
    const exchanging = await openTrainingStep(program, {
      state,
      exchange: (gradients) => Promise.resolve(void lengths.push(gradients.length)),
    });
    expect(await take(exchanging, 1, 3)).toEqual(await take(plain, 1, 3));
    expect(await exchanging.state()).toEqual(await plain.state());
    const count = program.carried[0]!.dims[0];
    expect(lengths).toEqual([count, count, count]);
    await Promise.all([plain.release(), exchanging.release()]);
  });

  it("updates with what the exchange makes of the gradients; one that fails changes nothing", async () => {
    const program = tiny({ flatGradients: true });
    const state = initialTrainingState(program);
    let exchange = (gradients: Float32Array): void => void gradients.fill(0);
    const step = await openTrainingStep(program, {
      state,
      exchange: async (gradients) => {
        await Promise.resolve();
        exchange(gradients);
      },
    });
    await take(step, 1, 1);
    const bias = (await step.state()).get("fc.bias")!.data;
    expect(bias).toEqual((await state.get("fc.bias")!.load()).data);

    const before = await step.state();
    exchange = () => {
      throw new Error("the other machine is gone");
    };
    await expect(take(step, 2, 2)).rejects.toThrow("the other machine is gone");
    expect(await step.state()).toEqual(before);
    await step.release();
  });

  it("refuses an exchange without gradients to exchange", async () => {
    const program = tiny();
    const opening = openTrainingStep(program, {
      state: initialTrainingState(program),
      exchange: () => Promise.resolve(),
    });
    await expect(opening).rejects.toThrow(failure("UsageError", "train/no-flat-gradients"));
  });

  it("refuses a batch of another size and a state of another program, and goes on", async () => {
    const program = tiny();
    const state = initialTrainingState(program);
    const step = await openTrainingStep(program, { state });
    await take(step, 1, 1);
    const before = await step.state();
    await expect(take(step, 2, 2, 3)).rejects.toThrow(failure("UsageError", "train/batch-size"));
    await expect(take(step, 2, 2, 3)).rejects.toThrow("[4, 3, 8, 8]");
    const other = new Map([...state].filter(([name]) => name !== "fc.bias"));
    await expect(step.restore(other)).rejects.toThrow(failure("WeightsError", "weights/mismatch"));
    await expect(openTrainingStep(program, { state: other })).rejects.toThrow("fc.bias");
    expect(await step.state()).toEqual(before);
    await take(step, 2, 2);
    await step.release();
  });

  it("rejects what is under way, and what comes later, once it is released", async () => {
    const program = tiny();
    const step = await openTrainingStep(program, { state: initialTrainingState(program) });
    const pending = [take(step, 1, 1), step.state()].map((call) =>
      expect(call).rejects.toThrow(failure("SessionError", "runtime/released")),
    );
    await Promise.all([...pending, step.release()]);
    await expect(step.state()).rejects.toThrow(failure("SessionError", "runtime/released"));
    await step.release();
  });

  it("says which device is missing, and stops opening when told to", async () => {
    const program = tiny();
    const state = initialTrainingState(program);
    const device = process.platform === "darwin" ? "dml" : "coreml";
    await expect(openTrainingStep(program, { state, device })).rejects.toThrow(
      failure("SessionError", "runtime/device-unavailable"),
    );
    const signal = AbortSignal.abort(new Error("changed my mind"));
    await expect(openTrainingStep(program, { state, signal })).rejects.toThrow("changed my mind");
  });

  const prlimit = "/usr/bin/prlimit";
  it.skipIf(!existsSync(prlimit))(
    "goes back when memory runs out, and goes on when there is some",
    async () => {
      const script = new URL("../support/step-without-memory.mjs", import.meta.url).pathname;
      const { stdout } = await promisify(execFile)(process.execPath, [script, prlimit], { timeout: 60_000 });
      expect(JSON.parse(stdout)).toEqual({ code: "runtime/out-of-memory", kept: true, wentOn: true });
    },
  );
});
