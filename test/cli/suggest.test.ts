import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { SuggestJson } from "../../src/cli/suggest/json.ts";
import { unusedName } from "../../src/cli/suggest/write-folder.ts";
import { seededRandom } from "../../src/core/index.ts";
import { exportSafetensors, openModel } from "../../src/node/library.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { colouredPng, colours, writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const weights = at("small.safetensors");
const line = (out: string, unlabelled = "others"): readonly string[] =>
  [
    ["suggest", "--labelled", at("photos"), "--unlabelled", at(unlabelled)],
    ["-m", weights, "-n", "6", "-o", at(out)],
  ].flat();
let run: CliRun;

beforeAll(async () => {
  await writeColouredImages(at("photos"), 4);
  mkdirSync(at("others"));
  const random = seededRandom(3);
  const images = await Promise.all(Array.from({ length: 24 }, (_, i) => colouredPng(i % 3, random)));
  images.forEach((image, i) => writeFileSync(at("others", `img-${i}.png`), image));
  const entries = images.map((body, i) => ({ name: `deep/img-${i}.png`, body }));
  writeFileSync(at("others.tar"), await tarBytes(entries));
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 5 }), weights);
  run = await runCli(line("next"));
});

const pictures = (out: string): readonly string[] =>
  readdirSync(at(out)).filter((name) => name.endsWith(".png"));

describe("suggest", { timeout: 120_000 }, () => {
  it("leaves links to the images, a folder for each class, a table, and a page", () => {
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    const names = pictures("next");
    expect(names).toHaveLength(6);
    expect(names.map((name) => name.slice(0, 2))).toEqual(["1-", "2-", "3-", "4-", "5-", "6-"]);
    for (const name of names) expect(readlinkSync(at("next", name))).toBe(at("others", name.slice(2)));
    const others = readdirSync(at("next")).filter((name) => !names.includes(name));
    expect(others).toEqual(["blue", "green", "index.html", "none", "red", "suggestions.csv"]);
    const [titles, ...rows] = readFileSync(at("next", "suggestions.csv"), "utf8").trim().split("\n");
    expect(titles).toBe("image,label,suggested,probability,second,second probability,belongs,group,path");
    expect(rows.map((row) => row.split(",").slice(0, 2))).toEqual(names.map((name) => [name, ""]));
    const page = readFileSync(at("next", "index.html"), "utf8");
    expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(6);
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(run.stdout).toContain(
      `semi run --labelled ${at("photos")} ${at("next")} --unlabelled ${at("others")}`,
    );
  });

  it("never touches a folder that holds something", async () => {
    const { code, stderr } = await runCli(line("next"));
    expect(code).toBe(2);
    expect(stderr).toContain(`--out ${at("next")} exists already`);
    expect(pictures("next")).toHaveLength(6);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("copies what lies in an archive, and says the same in JSON", async () => {
    const { stdout, code } = await runCli([...line("copied", "others.tar"), "--json"]);
    expect(code).toBe(0);
    const lines = jsonLines<Extract<SuggestJson, { file: string }>>(stdout);
    expect(lines.map(({ file }) => file)).toEqual(pictures("copied"));
    for (const { file } of lines) {
      expect(lstatSync(at("copied", file)).isFile()).toBe(true);
      expect(readFileSync(at("copied", file))).toEqual(readFileSync(at("others", file.slice(2))));
    }
  });

  const trained = async (
    ...data: readonly string[]
  ): Promise<{ readonly stdout: string; readonly classes: unknown }> => {
    const out = at(`run-${readdirSync(folder).length}`);
    const { code, stdout } = await runCli(["train", ...data, "-w", weights, "--mode", "head", "-o", out]);
    expect(code).toBe(0);
    const { description } = await openModel(join(out, "best.safetensors"));
    return { stdout, classes: description.classes };
  };

  it("may be trained with before it is sorted: what is left is said in a line", async () => {
    const command = [
      "train",
      at("photos"),
      at("next"),
      "-w",
      weights,
      "--mode",
      "head",
      "-o",
      at("unsorted"),
    ];
    for (const more of [[], ["--labels-file", at("next", "suggestions.csv"), "--resume"]]) {
      const { code, stderr } = await runCli([...command, ...more]);
      expect(code).toBe(0);
      const lines = stderr.trim().split("\n");
      expect(lines.filter((text) => text.includes(at("next")))).toEqual([
        expect.stringMatching(
          /^warning: 6 images have no label, the first is .*: a training leaves them out/,
        ),
        expect.stringMatching(/^to see them all: ssl-resnext check /),
        expect.stringMatching(/^ {2}6 images of .*next, the first .*1-.*: .*there is no label/),
      ]);
      expect(lines.at(-2)).toBe("6 of 18 images failed:");
    }
  });

  it("names a folder that nothing stands at for the round after it", () => {
    for (const name of ["round", "round-2", "round-9"]) mkdirSync(at(name));
    const named = ["fresh", "round", "round/", "round-2", "round-9"].map((name) => unusedName(at(name)));
    expect(named).toEqual(["fresh", "round-3", "round-3", "round-3", "round-10"].map((name) => at(name)));
  });

  it("is read back from the folders, and an empty folder none is no class", async () => {
    const [first, second] = pictures("next");
    renameSync(at("next", first!), at("next", "blue", first!));
    expect((await trained(at("photos"), at("next"))).classes).toEqual(["blue", "green", "red"]);
    renameSync(at("next", second!), at("next", "none", second!));
    renameSync(at("next", pictures("next")[0]!), at("next", "none", pictures("next")[0]!));
    const { classes } = await trained(at("photos"), at("next"));
    expect(classes).toEqual(["blue", "green", "none", "red"]);
  });

  it("is read back by the command that it prints", async () => {
    const [, printed] = /^ {2}ssl-resnext (semi run .*?) -o run-2$/m.exec(run.stdout)!;
    const out = at("printed");
    const { code, stderr } = await runCli([...printed!.split(" "), "--mode", "head", "-o", out]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: 3 images have no label, the first is .*\nto see them all: .*\n$/);
    const { description } = await openModel(join(out, "best.safetensors"));
    expect(description.classes).toEqual(["blue", "green", "none", "red"]);
  });

  it("is read back from the table, beside what lies in folders", async () => {
    const path = at("next", "suggestions.csv");
    const rows = readFileSync(path, "utf8").trim().split("\n");
    const filled = rows.map((row) => row.replace(/^([56]-[^,]+),,/, "$1,green,"));
    writeFileSync(path, `${filled.join("\n")}\n`);
    const { stdout, classes } = await trained(at("photos"), at("next"), "--labels-file", path);
    expect(classes).toEqual(["blue", "green", "none", "red"]);
    // 12 photographs, three in folders, two in the table.
    expect(stdout).toContain("cross-validation over 17 images");
  });

  it("takes the images of a run of semi, which names the command", async () => {
    const semi = await runCli(
      [
        ["semi", "run", "--labelled", at("photos"), "--unlabelled", at("others"), "-m", weights],
        ["--method", "labels", "--mode", "head", "-o", at("semi")],
      ].flat(),
    );
    expect(semi.code).toBe(0);
    expect(semi.stdout).toContain(`suggest -m ${at("semi")} -o next`);
    // Its page shows them, too: the frozen network is that of the model.
    const page = readFileSync(at("semi", "report.html"), "utf8");
    const [, next] = page.split("<h2>Label these next</h2>");
    expect(next).toContain("<pre>ssl-resnext suggest -m semi -o FOLDER</pre>");
    const names = [...next!.split("</ul>")[0]!.matchAll(/<small [^>]*><bdi>(.*?)<\/bdi>/g)].map(
      (match) => match[1],
    );
    const all = await runCli(["suggest", "-m", at("semi"), "-o", at("all-of-run"), "--json"]);
    const suggested = jsonLines<Extract<SuggestJson, { file: string }>>(all.stdout);
    expect(names).toEqual(suggested.map(({ file }) => file.replace(/^\d+-/, "")));
    expect(names).toHaveLength(20);
    expect(next!.split("</ul>")[0]!.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(20);
    const found = await runCli(["suggest", "-m", at("semi"), "-n", "3", "-o", at("of-run")]);
    expect({ code: found.code, stderr: found.stderr }).toEqual({ code: 0, stderr: "" });
    // What goes on keeps the settings of the run, its mode among them.
    const [, printed] = /^ {2}ssl-resnext (semi run .*?) -o run-2$/m.exec(found.stdout)!;
    expect(printed).toBe(`semi run ${at("semi", "semi.yaml")} --labelled ${at("photos")} ${at("of-run")}`);
    const again = await runCli([...printed!.split(" "), "-o", at("semi-2")]);
    expect(again).toMatchObject({ code: 0 });
    expect(readFileSync(at("semi-2", "semi.yaml"), "utf8")).toContain("mode: head");
    expect(pictures("of-run")).toHaveLength(3);
    expect(existsSync(at("of-run", "index.html"))).toBe(true);
  });

  it("names the table that the labelled images have, and no other beside it", async () => {
    const table = at("labels.csv");
    const names = colours.flatMap((name) => [0, 1, 2, 3].map((i) => `${name}/${i}.png,${name}`));
    writeFileSync(table, `photo,kind\n${names.join("\n")}\n`);
    const columns = ["--labels-file", table, "--image-column", "photo", "--label-column", "kind"];
    const { code, stdout } = await runCli([...line("by-table"), ...columns]);
    expect(code).toBe(0);
    const commands = [...stdout.matchAll(/^ {2}ssl-resnext (semi run .*?) -o run-2$/gm)].map(
      ([, words]) => words!,
    );
    expect(commands).toHaveLength(1);
    expect(commands[0]).toContain(columns.join(" "));
    const again = await runCli([
      ...commands[0]!.split(" "),
      "--method",
      "labels",
      "--mode",
      "head",
      "-o",
      at("table"),
    ]);
    expect(again).toMatchObject({ code: 0 });
    // Those that nobody has sorted yet count for none.
    expect(again.stdout).toContain("12 labelled images are too few to tell");
    expect(again.stdout).toContain("trained on 12 labelled images of 3 classes");
  });

  it("says what is missing", async () => {
    const { code, stderr } = await runCli([
      "suggest",
      "--labelled",
      at("photos"),
      "-m",
      weights,
      "-o",
      at("x"),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("--unlabelled is required");
  });
});
