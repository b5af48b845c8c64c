import { createModel, openImages } from "ssl-resnext";
import type { Benchmark } from "../benchmark.ts";
import { photoFolder, photosOf } from "../fixtures/photos.ts";

const teachers = ["resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnext101_32x16d"];

/** What scoring costs with each of the card's models as the teacher. */
export const score: Benchmark = {
  name: "score",
  summary: "photographs to scores and hashes, with each model as the teacher",
  async run({ quick, photos }) {
    const rows: Scored[] = [];
    for (const teacher of quick ? teachers.slice(0, 1) : teachers) {
      // A minute and a half of the largest model.
      const images = quick ? 20 : teacher === "resnext50_32x4d" ? 1000 : 300;
      rows.push({ teacher, ...(await scoreWith(teacher, photoFolder(photosOf(photos), images))) });
    }
    return {
      title: "Scoring",
      columns: ["teacher", "images/s", "with the hash", "days for 10⁸ images, one such machine"],
      rows: rows.map(({ teacher, plain, hashed }) => [
        teacher,
        plain.toFixed(1),
        hashed.toFixed(1),
        (1e8 / hashed / 86_400).toFixed(0),
      ]),
      targets: [],
      notes: [
        "Random weights, which cost what trained ones cost; float32; files in the page cache.",
        "Logits alone and logits with the frequencies that the hash is made of, one after the other.",
      ],
      data: rows,
    };
  },
};

interface Scored {
  readonly teacher: string;
  /** Images a second, for the logits. */
  readonly plain: number;
  /** Images a second, for logits and frequencies. */
  readonly hashed: number;
}

async function scoreWith(teacher: string, folder: string): Promise<Omit<Scored, "teacher">> {
  const model = await createModel(teacher);
  const images = await openImages([folder]);
  const rate = async (outputs: readonly ("logits" | "frequencies")[]): Promise<number> => {
    await model.opened(outputs, images.size);
    const began = performance.now();
    let done = 0;
    for await (const _ of model.run(outputs, images)) done++;
    return (1000 * done) / (performance.now() - began);
  };
  try {
    return { plain: await rate(["logits"]), hashed: await rate(["logits", "frequencies"]) };
  } finally {
    await model.release();
  }
}
