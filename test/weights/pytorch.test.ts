import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { viewAs, type Tensor } from "../../src/core/index.ts";
import { openFileSource } from "../../src/node/files/file-storage.ts";
import {
  openCheckpoint,
  toFloat32,
  type Checkpoint,
  type OpenCheckpointOptions,
} from "../../src/weights/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { hasTorch, runReference } from "../support/torch.ts";

interface Expected {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly bytes: string;
  readonly float32: string;
}

const base64 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "base64"));

const raw = ({ data }: Tensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

describe.skipIf(!hasTorch)("files that PyTorch wrote (skipped without PyTorch)", () => {
  const folder = temporaryFolder();
  let expected: Readonly<Record<string, Readonly<Record<string, Expected>>>> = {};

  beforeAll(() => {
    runReference("write_pth.py", folder);
    expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as typeof expected;
  });

  async function withCheckpoint<T>(
    file: string,
    use: (checkpoint: Checkpoint) => Promise<T>,
    options: OpenCheckpointOptions = {},
  ): Promise<T> {
    const source = await openFileSource(join(folder, file));
    try {
      return await use(await openCheckpoint(source, options));
    } finally {
      await source.close();
    }
  }

  const names =
    "dtypes strided module training model compiled parameters large beside tutorial only deep pair".split(
      " ",
    );
  const formats = ["legacy", "zip", "protocol4", "legacy-protocol4"];
  const files = names.flatMap((name) => formats.map((format) => ({ name, format })));

  it.each(files)("$name.$format.pth gives the same bytes and the same float32 values", ({ name, format }) =>
    withCheckpoint(`${name}.${format}.pth`, async (checkpoint) => {
      expect(checkpoint.format).toBe(format.startsWith("legacy") ? "pth-legacy" : "pth-zip");
      expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(expected[name]!));
      for (const [key, source] of checkpoint.tensors) {
        const want = expected[name]![key]!;
        const loaded = await source.load();
        expect({ dtype: loaded.dtype, dims: loaded.dims }).toEqual({ dtype: want.dtype, dims: want.dims });
        expect(raw(loaded).equals(base64(want.bytes))).toBe(true);
        const { data } = await toFloat32(source).load();
        const values = viewAs("float32", base64(want.float32));
        expect(values.length).toBe(data.length);
        expect(values.findIndex((value, i) => !Object.is(value, data[i]))).toBe(-1);
      }
    }),
  );

  it("keeps the plain values beside a state dict as metadata", () =>
    withCheckpoint("training.zip.pth", async ({ metadata }) => {
      expect(metadata).toEqual({ epoch: "7", arch: "resnext50_32x4d", version: "2", best: "79.5" });
      return Promise.resolve();
    }));

  it("names what only Python knows, and passes it over", () =>
    withCheckpoint("beside.zip.pth", async ({ key, unread, metadata }) => {
      expect(key).toBe("state_dict");
      expect(metadata).toEqual({});
      for (const name of [
        "argparse.Namespace",
        "datetime.datetime",
        "collections.Counter",
        "__main__.Settings",
      ]) {
        expect(unread).toContain(name);
      }
      return Promise.resolve();
    }));

  it("says where the weights lay, and which others there are", () =>
    withCheckpoint("training.zip.pth", async ({ key, otherKeys, unread }) => {
      expect({ key, otherKeys, unread }).toEqual({
        key: "state_dict",
        otherKeys: ["state_dict_ema"],
        unread: [],
      });
      return Promise.resolve();
    }));

  it("finds weights however deep they lie, by a path that names them", () =>
    withCheckpoint("deep.zip.pth", async ({ key, metadata }) => {
      expect({ key, metadata }).toEqual({ key: "trial.checkpoint.0.model", metadata: { run: "3" } });
      return Promise.resolve();
    }));

  it("takes the weights that are named, where there are several", () =>
    withCheckpoint(
      "several.pth",
      async ({ tensors, key }) => {
        expect(key).toBe("teacher");
        const { data } = await tensors.get("1.weight")!.load();
        const plain = viewAs("float32", base64(expected["module"]!["1.weight"]!.bytes));
        expect(Array.from(data, Number)).toEqual(Array.from(plain, (value) => value * 2));
      },
      { key: "teacher" },
    ));

  it("takes averaged weights when asked", () =>
    withCheckpoint(
      "training.legacy.pth",
      async ({ tensors }) => {
        const { data } = await tensors.get("1.weight")!.load();
        const plain = viewAs("float32", base64(expected["module"]!["1.weight"]!.bytes));
        expect(Array.from(data, Number)).toEqual(Array.from(plain, (value) => value * 2));
      },
      { ema: true },
    ));

  it("says so when there are no averaged weights", async () => {
    const opening = withCheckpoint("model.zip.pth", () => Promise.resolve(), { ema: true });
    await expect(opening).rejects.toMatchObject({ code: "weights/no-ema" });
  });

  const refusals = [
    ["several", "weights/several-state-dicts", "student, teacher"],
    ["several_deep", "weights/several-state-dicts", "nets.0, nets.1"],
    ["array", "weights/forbidden-global", "0.weight is an object of numpy.core.multiarray._reconstruct"],
    ["network", "weights/forbidden-global", "torch.nn.modules.container.Sequential"],
    ["sparse", "weights/unsupported-tensor", "sparse"],
    ["quantised", "weights/unsupported-tensor", "quantised"],
    ["complex", "weights/unsupported-tensor", "complex"],
    ["list", "weights/no-state-dict", "holds list"],
    ["no_tensors", "weights/no-state-dict", "holds epoch"],
  ].flatMap(([name, code, text]) => ["legacy", "zip"].map((format) => ({ name, format, code, text })));

  it.each(refusals)("refuses $name.$format.pth with $code", async ({ name, format, code, text }) => {
    const opening = withCheckpoint(`refused-${name}.${format}.pth`, () => Promise.resolve());
    await expect(opening).rejects.toMatchObject({ code, message: expect.stringContaining(text!) as string });
  });
});
