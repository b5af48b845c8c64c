/**
 * Semi-supervised learning without network: draws pictures, of which 100 have labels and 6,000 have not, trains a
 * teacher, lets it score and select, trains a student, and compares it with the same network trained on the labels
 * alone, for as many images. Words after the name of this file go to `ssl-resnext semi run`, such as `--seeds 5`.
 */
import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { drawTextures, textureNames } from "./textures.mjs";

const folder = "demo";
const sets = {
  labelled: { count: 100, seed: 1 },
  // In folders by texture as well, which only the report looks at: how often is the teacher right?
  unlabelled: { count: 6000, seed: 2 },
  test: { count: 2000, seed: 3 },
};

await rm(folder, { recursive: true, force: true });
console.log(
  `Drawing ${textureNames.join(", ")} into ${folder}/: 100 labelled, 6,000 unlabelled, 2,000 to test with`,
);
for (const [name, options] of Object.entries(sets)) await drawTextures(join(folder, name), options);

run("semi", "run", "examples/demo.yaml", "-o", join(folder, "run"), ...process.argv.slice(2));

const tests = await Promise.all(
  ["bricks", "hearts", "waves"].map(async (name) => {
    const [first] = await readdir(join(folder, "test", name));
    return join(folder, "test", name, first);
  }),
);
if (process.argv.length === 2) {
  run("classify", ...tests, "--weights", join(folder, "run/finetune/best.safetensors"), "--topk", "2");
}

function run(...words) {
  console.log(`\n$ npx ssl-resnext ${words.join(" ")}`);
  const { status } = spawnSync(process.execPath, ["dist/cli/main.js", ...words], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
