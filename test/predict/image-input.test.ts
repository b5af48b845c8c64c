import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel, type ImageInput, type Model } from "../../src/index.ts";
import { colourCheckpoint, colourImages } from "../support/colour-model.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let model: Model;
let path = "";

beforeAll(async () => {
  path = (await colourImages(folder)).green;
  model = await createModel(await colourCheckpoint(folder));
});
afterAll(() => model.release());

const stream = (bytes: Uint8Array): ReadableStream<Uint8Array> => new Blob([new Uint8Array(bytes)]).stream();

const inputs: readonly (readonly [string, (bytes: Buffer) => ImageInput])[] = [
  ["a path", () => path],
  ["a file: URL", () => pathToFileURL(path)],
  ["a file: URL as text", () => pathToFileURL(path).href],
  ["a data: URL", (bytes) => `data:image/png;base64,${bytes.toString("base64")}`],
  ["a Buffer", (bytes) => bytes],
  ["a part of a large Buffer", (bytes) => Buffer.concat([Buffer.alloc(1e6), bytes]).subarray(1e6)],
  [
    "shared memory",
    (bytes) => new Uint8Array(new SharedArrayBuffer(bytes.length)).fill(0).map((_, i) => bytes[i]!),
  ],
  ["an ArrayBuffer", (bytes) => new Uint8Array(bytes).buffer],
  ["a Blob", (bytes) => new Blob([new Uint8Array(bytes)])],
  ["a File", (bytes) => new File([new Uint8Array(bytes)], "a.png")],
  ["a stream", (bytes) => stream(bytes)],
];

describe("an image", () => {
  it.each(inputs)("may be %s", async (_, inputOf) => {
    const expected = await model.classify(path);
    expect(await model.classify(inputOf(readFileSync(path)))).toEqual(expected);
  });

  it.each([
    [42, "number"],
    [undefined, "undefined"],
    [{ path: "a.png" }, "object"],
  ])("is not %o", async (input, kind) => {
    await expect(model.classify(input as never)).rejects.toMatchObject({
      code: "data/image-input",
      message: expect.stringContaining(`this is ${kind}`) as string,
    });
  });

  it.each([-1, 0, 1.5, Number.NaN])("has no best %d classes", async (topk) => {
    await expect(model.classify(path, { topk })).rejects.toMatchObject({ code: "usage/topk" });
  });

  it("is not a broken data: URL, which is not repeated", async () => {
    const error: unknown = await model.classify(`data:${"x".repeat(1e5)}`).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "data/image-input" });
    expect((error as Error).message.length).toBeLessThan(200);
  });
});
