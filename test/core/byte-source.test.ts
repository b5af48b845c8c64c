import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blobSource } from "../../src/core/index.ts";

const size = 300_000;
const bytes = new Uint8Array(size).map((_, index) => (index * 2_654_435_761) >>> 24);
const source = blobSource("blob", new Blob([bytes]));

/** Short and long readings, of which some follow each other closely. */
const reading = fc
  .tuple(fc.nat(size), fc.oneof(fc.nat(300), fc.nat(100_000)))
  .map(([offset, length]) => [offset, Math.min(length, size - offset)] as const);

describe("blobSource", () => {
  it("gives the bytes that are asked for, in any order and at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(reading, { maxLength: 12 }), async (readings) => {
        const found = await Promise.all(readings.map(([offset, length]) => source.read(offset, length)));
        for (const [index, [offset, length]] of readings.entries()) {
          expect(Buffer.compare(found[index]!, bytes.subarray(offset, offset + length))).toBe(0);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("gives memory of its own, which the next reading does not see", async () => {
    (await source.read(10, 4)).fill(0);
    expect([...(await source.read(10, 4))]).toEqual([...bytes.subarray(10, 14)]);
  });

  it("takes readings that follow each other closely out of one", async () => {
    let slices = 0;
    const blob = new Blob([bytes]);
    const counting = Object.assign(Object.create(blob) as Blob, {
      slice: (begin: number, end: number) => {
        slices++;
        return blob.slice(begin, end);
      },
    });
    Object.defineProperty(counting, "size", { value: size });
    const counted = blobSource("counted", counting);
    for (let offset = 0; offset < 10_000; offset += 100) await counted.read(offset, 100);
    expect(slices).toBe(1);
  });

  it("refuses what lies outside", async () => {
    await expect(source.read(size - 1, 2)).rejects.toThrow(`${size - 1}..${size + 1} lie outside`);
    await expect(source.read(-1, 2)).rejects.toThrow("-1..1 lie outside");
  });
});
