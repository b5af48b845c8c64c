/**
 * Learning from unlabelled pictures, without network: draws pictures, of which 100 have labels and 2,000 have not, adapts the small
 * network of the package to all of them, fits the labels on it, and compares with what the labels alone give.
 *
 * `paper` as the first word draws 6,000 without labels, and goes in the order of Yalniz et al. (2019): teacher, selection,
 * student. Other words go to `ssl-resnext semi run`, such as `--seeds 5`.
 */
import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { drawTextures, textureNames } from "./textures.mjs";

const folder = "demo";
const [first, ...others] = process.argv.slice(2);
const isPaper = first === "paper";
const more = isPaper || first === undefined ? others : [first, ...others];
const sets = {
  labelled: { count: 100, seed: 1 },
  // In folders by texture as well, which only the report looks at.
  unlabelled: { count: isPaper ? 6000 : 2000, seed: 2 },
  test: { count: 2000, seed: 3 },
};

console.log("This takes about two minutes on two cores, and needs no network.");
await rm(folder, { recursive: true, force: true });
console.log(
  `Drawing ${textureNames.join(", ")} into ${folder}/: ${Object.entries(sets)
    .map(([name, { count }]) => `${count.toLocaleString("en-US")} ${name === "test" ? "to test with" : name}`)
    .join(", ")}`,
);
for (const [name, options] of Object.entries(sets)) await drawTextures(join(folder, name), options);

run("semi", "run", `examples/${isPaper ? "paper" : "demo"}.yaml`, "-o", join(folder, "run"), ...more);

const model = join(folder, "run", isPaper ? "finetune" : "", "best.safetensors");
if (more.length === 0) {
  const tests = await Promise.all(
    ["bricks", "hearts", "waves"].map(async (name) => {
      const [picture] = await readdir(join(folder, "test", name));
      return join(folder, "test", name, picture);
    }),
  );
  run("classify", ...tests, "--weights", model, "--topk", "2");
}

console.log(`
The page of this run, to look at in a browser: ${join(folder, "run", "report.html")}

With photos of your own:
  1. put those that you can name into a folder for each class: photos/hedgehog, photos/squirrel, … (5 to 100 of each)
  2. put the others, whatever they show, into one folder: others
  3. npx ssl-resnext semi run --labelled photos --unlabelled others -m ssl_resnext50_32x4d -o run
  4. npx ssl-resnext classify new.jpg -w run/best.safetensors`);

function run(...words) {
  console.log(`\n$ npx ssl-resnext ${words.join(" ")}`);
  const { status } = spawnSync(process.execPath, ["dist/cli/main.js", ...words], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
