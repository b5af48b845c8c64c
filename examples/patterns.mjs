import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { seededRandom } from "ssl-resnext/core";

/** SVG of each class's pattern, on a tile of 20 x 20 units. */
const tiles = {
  bricks: (ink) => `<path d="M0 0H20M0 10H20M5 0V10M15 10V20" stroke="${ink}" stroke-width="2" fill="none"/>`,
  checks: (ink) => `<path d="M0 0H10V10H0ZM10 10H20V20H10Z" fill="${ink}"/>`,
  dots: (ink) => `<circle cx="10" cy="10" r="5" fill="${ink}"/>`,
  rings: (ink) => `<circle cx="10" cy="10" r="7" stroke="${ink}" stroke-width="2" fill="none"/>`,
  stripes: (ink) => `<path d="M0 0H10V20H0Z" fill="${ink}"/>`,
  waves: (ink) => `<path d="M0 10Q5 0 10 10T20 10" stroke="${ink}" stroke-width="3" fill="none"/>`,
};

export const patternNames = Object.keys(tiles);

/**
 * Writes `perClass` JPEGs of each pattern into class folders: random colours, scale, rotation, shape and size.
 * The same seed gives the same pictures.
 */
export async function renderPatterns(folder, perClass, seed) {
  const random = seededRandom(seed);
  for (const name of patternNames) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const jpeg = await sharp(Buffer.from(svg(name, random)))
        .jpeg({ quality: 85 })
        .toBuffer();
      await writeFile(join(folder, name, `${name}-${String(i).padStart(3, "0")}.jpg`), jpeg);
    }
  }
}

function svg(name, random) {
  const [width, height] = [240 + random.integer(160), 200 + random.integer(160)];
  const hue = random.integer(360);
  const light = 15 + random.integer(40);
  const colour = (shift) => `hsl(${(hue + shift) % 360} 60% ${shift === 0 ? light : light + 35}%)`;
  const [scale, turn] = [1.5 + random.uniform(), random.integer(20)];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <pattern id="p" width="20" height="20" patternUnits="userSpaceOnUse"
      patternTransform="rotate(${turn}) scale(${scale})">${tiles[name](colour(160))}</pattern>
    <rect width="100%" height="100%" fill="${colour(0)}"/>
    <rect width="100%" height="100%" fill="url(#p)"/>
  </svg>`;
}
