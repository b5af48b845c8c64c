import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { channelMeansModel } from "../support/tiny-model.ts";

const script = fileURLToPath(new URL("../support/pipeline-peak-memory.mjs", import.meta.url));
const many = process.env["SSL_RESNEXT_LONG_TESTS"] ? 10_000 : 1000;

let folder: string;
let photo: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pipeline-"));
  photo = join(folder, "photo.jpg");
  await sharp({ create: { width: 320, height: 240, channels: 3, background: "teal" } }).toFile(photo);
});
afterAll(() => rm(folder, { recursive: true }));

/** Peak resident memory, in bytes, of a process that runs this many images. */
async function peakMemory(images: number): Promise<number> {
  const model = Buffer.from(channelMeansModel()).toString("base64");
  const { stdout } = await promisify(execFile)(process.execPath, [script, model, photo, `${images}`]);
  const { results, peak } = JSON.parse(stdout) as { results: number; peak: number };
  expect(results).toBe(images);
  return peak;
}

it(`takes no more memory for ${many} images than for 200`, { timeout: 300_000 }, async () => {
  // One decoded photo kept per image would be 184 MB for 1000 images. The heaps of the threads settle some 60 MB
  // above what they need for 200: as much for 20,000 images as for 40,000.
  expect((await peakMemory(many)) - (await peakMemory(200))).toBeLessThan(100e6);
});
