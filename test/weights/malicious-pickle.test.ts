import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bytesSource, seededRandom, tensor, WeightsError } from "../../src/core/index.ts";
import { openCheckpoint } from "../../src/weights/index.ts";
import { readPickle } from "../../src/weights/pickle/read-pickle.ts";
import { pickle, type Writable } from "../support/pickle-writer.ts";
import { concatenate, encodeLegacyPth, encodeZipPth } from "../support/pth-writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const trace = join(folder, "executed");
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const unicode = (text: string): Uint8Array => concatenate([Uint8Array.of(0x8c, text.length), ascii(text)]);
const command = `touch ${trace}`;
const op = (...parts: readonly (number | Uint8Array)[]): Writable => ({ op: parts });
const call = (module: string, name: string, ...args: readonly Writable[]): Writable => ({
  call: { global: [module, name] },
  args,
});

/** Programs that Python's pickle would run. */
const attacks: Readonly<Record<string, Writable>> = {
  "GLOBAL and REDUCE of os.system": call("os", "system", command),
  "GLOBAL and REDUCE of posix.system": call("posix", "system", command),
  "STACK_GLOBAL of os.system": op(unicode("os"), unicode("system"), 0x93, unicode(command), 0x85, 0x52),
  "INST of os.system": op(0x28, unicode(command), 0x69, ascii("os\nsystem\n")),
  "OBJ of os.system": op(0x28, 0x63, ascii("os\nsystem\n"), unicode(command), 0x6f),
  "NEWOBJ of subprocess.Popen": op(0x63, ascii("subprocess\nPopen\n"), unicode(command), 0x85, 0x81),
  "NEWOBJ_EX of subprocess.Popen": op(0x63, ascii("subprocess\nPopen\n"), 0x29, 0x7d, 0x92),
  "BUILD with __setstate__ of os.system": op(0x63, ascii("os\nsystem\n"), unicode(command), 0x62),
  "builtins.eval": call("builtins", "eval", `__import__("os").system("${command}")`),
  "nested builtins.getattr": call("builtins", "getattr", call("builtins", "__import__", "os"), "system"),
  "torch.load once more": call("torch.storage", "_load_from_bytes", "x"),
  "runpy through a dotted name": op(unicode("torch"), unicode("serialization.os.system"), 0x93),
  "a name of JavaScript's Object": call("constructor", "constructor", "return process"),
  __proto__: op(unicode("__proto__"), unicode("polluted"), 0x93),
};

const weight = new Map([["weight", tensor("float32", [2], Float32Array.of(1, 2))]]);

async function refusal(bytes: Uint8Array<ArrayBuffer>): Promise<WeightsError> {
  const outcome: unknown = await openCheckpoint(bytesSource("evil.pth", bytes)).then(
    () => "it opened",
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(WeightsError);
  return outcome as WeightsError;
}

describe("pickles that would run code", () => {
  it.each(Object.entries(attacks))("%s does nothing, whether the file opens or not", async (_, attack) => {
    const beside = (stateDict: Writable): Writable => ({
      dict: [
        ["state_dict", stateDict],
        ["extra", attack],
      ],
    });
    for (const bytes of [
      encodeLegacyPth(weight, { wrap: beside }),
      await encodeZipPth(weight, { wrap: beside }),
    ]) {
      try {
        const { tensors, unread } = await openCheckpoint(bytesSource("evil.pth", bytes));
        expect(unread).not.toEqual([]);
        expect((await tensors.get("weight")!.load()).data).toEqual(Float32Array.of(1, 2));
      } catch (error) {
        expect(error).toMatchObject({ name: "WeightsError", code: "weights/invalid-pickle" });
      }
    }
    const inPlace: readonly Writable[] = [
      attack,
      { dict: [["model", attack]] },
      { dict: [["state_dict", { dict: [["layer.weight", attack]] }]] },
    ];
    for (const root of inPlace) {
      const wrap = (): Writable => root;
      for (const bytes of [encodeLegacyPth(new Map(), { wrap }), await encodeZipPth(new Map(), { wrap })]) {
        expect((await refusal(bytes)).code).toMatch(
          /^weights\/(forbidden-global|invalid-pickle|no-state-dict)$/,
        );
      }
    }
    expect(existsSync(trace)).toBe(false);
    expect("polluted" in {}).toBe(false);
  });

  it("names the global, says that nothing ran and how to go on", async () => {
    const error = await refusal(encodeLegacyPth(new Map(), { wrap: () => call("os", "system", command) }));
    expect(error.code).toBe("weights/forbidden-global");
    expect(error.message).toContain("os.system");
    expect(error.message).toContain("Nothing was executed");
    expect(error.message).toContain('torch.save(model.state_dict(), "weights.pth")');
  });
});

const read = (...parts: readonly (number | Uint8Array)[]): unknown => {
  const bytes = concatenate([
    Uint8Array.of(0x80, 2),
    ...parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : part)),
  ]);
  return readPickle("bomb.pth", bytes, 0).value;
};

const repeated = (count: number, ...part: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: count * part.length }, (_, i) => part[i % part.length]!);

describe("pickles that would exhaust memory or stack", () => {
  it("builds 200,000 nested lists in a loop", () => {
    expect(read(repeated(200_000, 0x5d), repeated(199_999, 0x61), 0x2e)).toBeInstanceOf(Array);
  });

  it("builds 200,000 nested tuples and lets go of them", () => {
    expect(() => read(0x29, repeated(200_000, 0x85), 0x2e)).not.toThrow();
  });

  it("shares what billion laughs would multiply", () => {
    // Each list holds the one before it ten times.
    const level = [0x71, 0, 0x30, 0x5d, 0x28, ...Array.from({ length: 10 }, () => [0x68, 0]).flat(), 0x65];
    expect(read(0x5d, repeated(1000, ...level), 0x2e)).toHaveLength(10);
  });

  it("does not repeat a large copy for a short opcode", () => {
    const items = repeated(1_000_000, 0x4e);
    // memo 0: the function, memo 1: a tuple of one long list.
    const setup = [...ascii("cbuiltins\nset\nq")].concat(0, 0x30, 0x5d, 0x28);
    const again = repeated(1000, 0x68, 0, 0x68, 1, 0x52, 0x30);
    expect(() => read(Uint8Array.from(setup), items, 0x65, 0x85, 0x71, 1, 0x30, again, 0x4e, 0x2e)).toThrow(
      expect.objectContaining({ code: "weights/pickle-too-large" }),
    );
  });

  const truncated: readonly (readonly [string, readonly number[]])[] = [
    ["LONG4 of 200 bytes", [0x8b, 200, 0, 0, 0, 1]],
    ["BINUNICODE of 4 GB", [0x58, 255, 255, 255, 255]],
    ["BINBYTES8 of 2^62 bytes", [0x8e, 0, 0, 0, 0, 0, 0, 0, 0x40]],
    ["BYTEARRAY8 of 2^63 bytes", [0x96, 0, 0, 0, 0, 0, 0, 0, 0x80]],
    ["no STOP", [0x4e]],
    ["a GLOBAL without line feed", [0x63, 0x6f, 0x73]],
  ];
  it.each(truncated)("%s ends as truncated", (_, bytes) => {
    expect(() => read(...bytes)).toThrow(expect.objectContaining({ code: "weights/truncated" }));
  });

  const invalid: readonly (readonly [string, readonly number[]])[] = [
    ["LONG4 of 2 GB", [0x8b, 255, 255, 255, 127]],
    ["an empty stack", [0x2e]],
    ["a reach below a mark", [0x4e, 0x28, 0x30, 0x28, 0x85, 0x2e]],
    ["a missing mark", [0x74, 0x2e]],
    ["an unknown memo", [0x68, 9, 0x2e]],
    ["an odd number of dict items", [0x7d, 0x28, 0x4e, 0x75, 0x2e]],
    ["APPEND to a tuple", [0x29, 0x4e, 0x61, 0x2e]],
    ["REDUCE of a number", [0x4b, 1, 0x29, 0x52, 0x2e]],
    ["a persistent id in a plain pickle", [0x4e, 0x51, 0x2e]],
    ["an extension code", [0x82, 1, 0x2e]],
    ["an out-of-band buffer", [0x97, 0x2e]],
    ["protocol 9", [0x80, 9, 0x4e, 0x2e]],
    ["text that is no UTF-8", [0x8c, 1, 0xff, 0x2e]],
  ];
  it.each(invalid)("%s ends as invalid", (_, bytes) => {
    expect(() => read(...bytes)).toThrow(expect.objectContaining({ code: "weights/invalid-pickle" }));
  });

  it("names a container in a message without walking it", async () => {
    const nested: Writable = op(repeated(100_000, 0x5d), repeated(99_999, 0x61));
    const keys = { dict: [[nested, 1] as const] };
    expect((await refusal(await encodeZipPth(weight, { wrap: () => keys }))).code).toBe(
      "weights/no-state-dict",
    );
  });
});

describe("plain values", () => {
  it.each([
    [0],
    [-1],
    [255],
    [-256],
    [2 ** 40],
    [-(2 ** 52)],
    [2n ** 70n],
    [-(2n ** 63n)],
    [0.1],
    [""],
    ["größe \u{1f600}"],
    [true],
    [null],
  ])("%s", (value) => {
    expect(readPickle("plain", pickle(value), 0).value).toBe(value);
  });

  it("reads seeded integers of every width", () => {
    const random = seededRandom(3);
    for (let i = 0; i < 500; i++) {
      const value = Math.round((random.uniform() - 0.5) * 2 ** random.integer(53));
      expect(readPickle("plain", pickle(BigInt(value)), 0).value).toBe(value === 0 ? 0 : value);
    }
  });
});
