import sharp from "sharp";
import type { Random } from "../../src/core/index.ts";

/** A small JPEG of a shape on a ground as a `data:` URL; the class gives shape and colour, the rest is chance. */
export async function drawnThumbnail(classIndex: number, random: Random): Promise<string> {
  const between = (from: number, to: number): number => from + (to - from) * random.uniform();
  const hue = (classIndex * 137 + between(-12, 12)) % 360;
  const corners = 3 + (classIndex % 5);
  const [x, y, radius, turn] = [between(38, 58), between(38, 58), between(22, 34), between(0, 6.3)];
  const points = Array.from({ length: 2 * corners }, (_, corner) => {
    const angle = turn + (Math.PI * corner) / corners;
    const reach = corner % 2 === 0 ? radius : radius * (classIndex % 2 === 0 ? 0.45 : 0.9);
    return `${x + reach * Math.cos(angle)},${y + reach * Math.sin(angle)}`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96">
<defs><linearGradient id="g" x2="0" y2="1"><stop stop-color="hsl(${between(180, 230)},35%,${between(60, 85)}%)"/><stop offset="1" stop-color="hsl(${between(60, 120)},30%,${between(30, 60)}%)"/></linearGradient></defs>
<rect width="96" height="96" fill="url(#g)"/><ellipse cx="${x}" cy="${y + radius}" rx="${radius}" ry="6" fill="#0004"/>
<polygon points="${points.join(" ")}" fill="hsl(${hue},70%,${between(42, 58)}%)" stroke="#0006" stroke-width="2"/></svg>`;
  const jpeg = await sharp(Buffer.from(svg)).jpeg({ quality: 70 }).toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString("base64")}`;
}
