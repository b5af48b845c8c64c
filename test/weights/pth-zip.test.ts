import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { describe, expect, it } from "vitest";
import { bytesSource, tensor } from "../../src/core/index.ts";
import { openCheckpoint } from "../../src/weights/index.ts";
import { pickle } from "../support/pickle-writer.ts";
import { encodeStoredZip, encodeZipPth, tensorCall } from "../support/pth-writer.ts";

describe("zip archives", () => {
  it("are read with zip64 fields throughout", async () => {
    const zip = new ZipWriter(new Uint8ArrayWriter(), { level: 0, zip64: true, useWebWorkers: false });
    const call = tensorCall("0", "uint8", 2, { offset: 0, dims: [2], strides: [1] }, false);
    await zip.add("w/data.pkl", new Uint8ArrayReader(pickle({ dict: [["a", call]] })));
    await zip.add("w/data/0", new Uint8ArrayReader(Uint8Array.of(7, 8)));
    const bytes = new Uint8Array(await zip.close());
    const { tensors: found } = await openCheckpoint(bytesSource("zip64.pth", bytes));
    expect((await found.get("a")!.load()).data).toEqual(Uint8Array.of(7, 8));
  });

  const open = async (
    entries: Parameters<typeof encodeStoredZip>[0],
    level?: number,
  ): ReturnType<typeof openCheckpoint> =>
    openCheckpoint(bytesSource("a.pth", await encodeStoredZip(entries, level)));

  it.each(["archive", "x", "a folder of 21 letters", "semi_supervised_resnext50"])(
    "may have folder %s",
    async (folder) => {
      const bias = tensor("float64", [3], Float64Array.of(1, 2, 3));
      const bytes = await encodeZipPth(new Map([["fc.bias", bias]]), { folder });
      const { tensors: found } = await openCheckpoint(bytesSource("a.pth", bytes));
      expect([...found.keys()]).toEqual(["fc.bias"]);
    },
  );

  it("refuses compressed entries", async () => {
    await expect(open([["a/data.pkl", new Uint8Array(1000)]], 6)).rejects.toMatchObject({
      code: "weights/compressed-zip",
    });
  });

  it("refuses TorchScript", async () => {
    const entries = [["a/data.pkl", pickle(null)] as const, ["a/constants.pkl", pickle(null)] as const];
    await expect(open(entries)).rejects.toMatchObject({
      code: "weights/unknown-format",
      message: expect.stringContaining("TorchScript") as string,
    });
  });

  it("refuses a zip that holds something else", async () => {
    await expect(open([["readme.txt", pickle(null)]])).rejects.toMatchObject({
      code: "weights/unknown-format",
    });
  });
});
