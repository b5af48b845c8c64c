import { UsageError } from "../core/index.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { RgbImage } from "./rgb-image.ts";
import { blockPixels, openNormaliser, slack } from "./simd/normalise-kernels.ts";

/**
 * Writes an image as float32 planes [3, height, width], bit-identical to torchvision's `ToTensor` and `Normalize`.
 *
 * @param offset First element of `out` to write: n * 3 * height * width for image n of a batch.
 * @param mirrored Whether left and right are swapped.
 * @throws UsageError `image/output-too-small`
 */
export function normalise(
  image: RgbImage,
  { mean, std }: Pick<Preprocessing, "mean" | "std">,
  out: Float32Array,
  offset = 0,
  mirrored = false,
): void {
  const { width, height, data } = image;
  const plane = width * height;
  if (offset < 0 || offset + 3 * plane > out.length) {
    throw new UsageError(
      "image/output-too-small",
      `normalise: ${3 * plane} elements at offset ${offset} do not fit into ${out.length} elements.`,
    );
  }
  const stride = 3 * width;
  const bandRows = Math.min(height, Math.max(1, Math.floor(bandPixels / width)));
  const planes = at.source + bandRows * stride + slack;
  const target = Math.ceil(planes / 16) * 16;
  const planeBytes = 4 * bandRows * width + slack;
  const { memory, normaliseRows, normaliseMirroredRows } = openNormaliser(target + 3 * planeBytes);
  new Float32Array(memory.buffer, at.constants).set([255, ...mean, ...std]);

  const rowsToPlanes = mirrored ? normaliseMirroredRows : normaliseRows;
  const source = mirrored ? at.source + stride - 3 * blockPixels : at.source;
  for (let y = 0; y < height; y += bandRows) {
    const rows = Math.min(bandRows, height - y);
    memory.set(data.subarray(y * stride, (y + rows) * stride), at.source);
    const blocks = Math.ceil(width / blockPixels);
    rowsToPlanes(source, stride, target, 4 * width, planeBytes, at.constants, blocks, rows);
    for (let channel = 0; channel < 3; channel++) {
      const values = new Float32Array(memory.buffer, target + channel * planeBytes, rows * width);
      out.set(values, offset + channel * plane + y * width);
    }
  }
}

/** Rows are taken over in bands whose planes stay in the processor's second cache. */
const bandPixels = 1 << 13;

/** Where things stand in the kernels' memory. */
const at = { constants: 0, source: 32 + slack } as const;
