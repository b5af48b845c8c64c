import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { seededRandom } from "ssl-resnext/core";

/** Outline of each shape within -10 to 10, as SVG's path data. */
const outlines = {
  arrow: "M-9 -3H1V-8L9 0L1 8V3H-9Z",
  bolt: "M2 -10L-7 2H-1L-3 10L7 -3H1Z",
  circle: "M-8 0A8 8 0 1 0 8 0A8 8 0 1 0 -8 0Z",
  cross: "M-3 -9H3V-3H9V3H3V9H-3V3H-9V-3H-3Z",
  drop: "M0 -10C3 -4 7 -1 7 3.5A7 6.5 0 1 1 -7 3.5C-7 -1 -3 -4 0 -10Z",
  heart: "M0 9C-12 -1 -8 -9 -4 -8C-1 -8 0 -5 0 -4C0 -5 1 -8 4 -8C8 -9 12 -1 0 9Z",
  moon: "M3 -9A9.5 9.5 0 1 0 3 9A9.75 9.75 0 0 1 3 -9Z",
  square: "M-7.5 -7.5H7.5V7.5H-7.5Z",
  star: "M0 -10L2.6 -3.2L9.5 -3.1L4.2 1.2L5.9 8.1L0 4.2L-5.9 8.1L-4.2 1.2L-9.5 -3.1L-2.6 -3.2Z",
  triangle: "M0 -9L9 7H-9Z",
};

export const shapeNames = Object.keys(outlines);

/** Side of a picture in pixels. */
const size = 32;

/**
 * Draws pictures of one shape each, of any colour, size and direction, on a cluttered background: easy to tell apart
 * for people, hard to learn from few examples. The same seed gives the same pictures.
 *
 * @param folder Gets a folder for each shape, or all pictures in one when `labelled` is false.
 */
export async function drawShapes(folder, { count, seed, labelled = true }) {
  const random = seededRandom(seed);
  const drawn = Array.from({ length: count }, (_, index) => {
    const name = shapeNames[index % shapeNames.length];
    const number = String(index).padStart(5, "0");
    const path = labelled ? join(folder, name, `${name}-${number}.png`) : join(folder, `${number}.png`);
    return { path, svg: picture(outlines[name], random), grain: random.integer(2 ** 31) };
  });
  for (const name of labelled ? shapeNames : [""]) await mkdir(join(folder, name), { recursive: true });
  // Without labels nothing may tell the shape, so names are in no order of shapes either.
  const names = labelled
    ? drawn.map(({ path }) => path)
    : shuffled(
        drawn.map(({ path }) => path),
        random,
      );
  const atOnce = 64;
  for (let start = 0; start < count; start += atOnce) {
    await Promise.all(
      drawn.slice(start, start + atOnce).map(async ({ svg, grain }, offset) => {
        await writeFile(names[start + offset], await developed(svg, seededRandom(grain)));
      }),
    );
  }
}

function picture(outline, random) {
  const between = (low, high) => low + (high - low) * random.uniform();
  const colour = (light) => `hsl(${between(0, 360)} ${between(20, 90)}% ${light}%)`;
  const ground = between(25, 75);
  const contrast = between(18, 35) * (ground > 50 ? -1 : 1);
  const scale = between(0.7, 1.3);
  const margin = 9 * scale;
  const place = `translate(${between(margin, size - margin)} ${between(margin, size - margin)})`;
  const shape = `${place} rotate(${between(0, 360)}) skewX(${between(-20, 20)}) scale(${scale * between(0.7, 1)} ${scale})`;
  const isHollow = random.uniform() < 0.3;
  const ink = colour(ground + contrast);
  const clutter = Array.from({ length: 4 + random.integer(5) }, () => {
    const [x, y] = [between(0, size), between(0, size)];
    return `<path d="M${x} ${y}q${between(-9, 9)} ${between(-9, 9)} ${between(-14, 14)} ${between(-14, 14)}"
      stroke="${colour(ground + between(-25, 25))}" stroke-width="${between(1, 4)}" fill="none"/>`;
  });
  const over = clutter.splice(0, 2);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">
    <linearGradient id="g" gradientTransform="rotate(${between(0, 90)})">
      <stop stop-color="${colour(ground)}"/><stop offset="1" stop-color="${colour(ground + between(-12, 12))}"/>
    </linearGradient>
    <rect width="100%" height="100%" fill="url(#g)"/>${clutter.join("")}
    <path d="${outline}" transform="${shape}" ${isHollow ? `fill="none" stroke="${ink}" stroke-width="2.2"` : `fill="${ink}"`}/>
    ${over.join("")}</svg>`;
}

/** The picture with the grain of a bad camera. */
async function developed(svg, random) {
  const { data, info } = await sharp(Buffer.from(svg))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  for (let i = 0; i < data.length; i++) {
    data[i] = Math.max(0, Math.min(255, data[i] + 40 * (random.uniform() + random.uniform() - 1)));
  }
  return sharp(data, { raw: info }).png({ compressionLevel: 3 }).toBuffer();
}

function shuffled(values, random) {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}
