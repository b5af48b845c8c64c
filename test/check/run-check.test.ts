import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import type { CheckEvent, CheckOptions } from "../../src/check/index.ts";
import { seededRandom } from "../../src/core/index.ts";
import { applyFixes, checkImages } from "../../src/node/check.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

type Finding = Extract<CheckEvent, { readonly type: "finding" }>;
type Finished = Extract<CheckEvent, { readonly type: "finished" }>;

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);

/** A picture with shapes of its own, at some size. */
async function picture(seed: number, width = 96, height = 72): Promise<Buffer> {
  const random = seededRandom(seed);
  const shape = (): string => {
    const [x, y, r] = [random.uniform() * 96, random.uniform() * 72, 6 + random.uniform() * 22];
    const colour = `hsl(${Math.floor(random.uniform() * 360)} 70% ${20 + Math.floor(random.uniform() * 60)}%)`;
    return random.uniform() < 0.5
      ? `<circle cx="${x}" cy="${y}" r="${r}" fill="${colour}"/>`
      : `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${1.3 * r}" fill="${colour}"/>`;
  };
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 72" width="${width}" height="${height}" preserveAspectRatio="none"><rect width="96" height="72" fill="#888"/>${Array.from({ length: 14 }, shape).join("")}</svg>`;
  return sharp(Buffer.from(svg)).jpeg({ quality: 90 }).toBuffer();
}

async function check(options: Omit<CheckOptions, "out"> & { readonly out: string }) {
  const events: CheckEvent[] = [];
  for await (const event of checkImages(options)) events.push(event);
  const findings = events.filter((event): event is Finding => event.type === "finding");
  return { events, findings, finished: events.at(-1) as Finished };
}

/** A finding as one line: `copy labelled/cat/2.jpg of labelled/cat/1.jpg: remove`. */
const shortly = ({ kind, set, image, other, action }: Finding): string => {
  const name = (one: { readonly image: string }): string => one.image.replace(`${folder}/`, "");
  return `${kind} ${set} ${name({ image })}${other ? ` of ${other.set} ${name(other)}` : ""}: ${action}`;
};

const kinds = ["unreadable", "leak", "two-labels", "copy", "small", "narrow"];
const byKind = (a: string, b: string): number =>
  kinds.indexOf(a.split(" ")[0]!) - kinds.indexOf(b.split(" ")[0]!) || (a < b ? -1 : 1);

beforeAll(async () => {
  for (const name of ["data/cat", "data/dog", "data/owl", "test/cat", "test/dog", "more"]) {
    mkdirSync(at(name), { recursive: true });
  }
  for (let i = 0; i < 6; i++) {
    writeFileSync(at("data/cat", `${i}.jpg`), await picture(i));
    writeFileSync(at("data/dog", `${i}.jpg`), await picture(100 + i));
    writeFileSync(at("test/cat", `${i}.jpg`), await picture(200 + i));
    writeFileSync(at("test/dog", `${i}.jpg`), await picture(300 + i));
    writeFileSync(at("more", `${i}.jpg`), await picture(400 + i));
  }
  writeFileSync(at("data/owl", "only.jpg"), await picture(500));
  // What is wrong with them.
  copyFileSync(at("data/cat", "1.jpg"), at("data/cat", "again.jpg"));
  writeFileSync(
    at("data/dog", "cat-2.jpg"),
    await sharp(await picture(2))
      .flop()
      .jpeg({ quality: 70 })
      .toBuffer(),
  );
  writeFileSync(at("data/dog", "broken.jpg"), (await picture(7)).subarray(0, 900));
  writeFileSync(at("data/dog", "empty.jpg"), "");
  writeFileSync(
    at("data/dog", "tiny.png"),
    await sharp(await picture(8))
      .resize(12, 9)
      .png()
      .toBuffer(),
  );
  writeFileSync(at("data/dog", "strip.jpg"), await picture(9, 500, 60));
  writeFileSync(
    at("data/cat", "turned.jpg"),
    await sharp(await picture(10))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer(),
  );
  writeFileSync(
    at("more", "test-3.jpg"),
    await sharp(await picture(203))
      .resize(64, 48)
      .jpeg()
      .toBuffer(),
  );
  writeFileSync(
    at("data/dog", "test-4.jpg"),
    await sharp(await picture(304))
      .modulate({ brightness: 1.2 })
      .jpeg()
      .toBuffer(),
  );
  writeFileSync(at("data", "video.mp4"), "");
});

const sets = { data: [at("data")], test: [at("test")], unlabelled: [at("more")] };

describe("a check without a model", () => {
  it("finds what is wrong, and nothing else", async () => {
    const { findings, finished } = await check({ ...sets, out: at("out") });
    expect(findings.map(shortly).sort(byKind)).toEqual([
      "unreadable labelled data/dog/broken.jpg: remove",
      "unreadable labelled data/dog/empty.jpg: remove",
      "leak labelled data/dog/test-4.jpg of test test/dog/4.jpg: remove",
      "leak unlabelled more/test-3.jpg of test test/cat/3.jpg: remove",
      "two-labels labelled data/dog/cat-2.jpg of labelled data/cat/2.jpg: remove",
      "copy labelled data/cat/again.jpg of labelled data/cat/1.jpg: remove",
      "small labelled data/dog/tiny.png: keep",
      "narrow labelled data/dog/strip.jpg: keep",
    ]);
    expect(readFileSync(finished.report, "utf8")).not.toMatch(/undefined and|and undefined/);
    expect(finished.sets).toEqual([
      { set: "labelled", images: 21 },
      { set: "test", images: 12 },
      { set: "unlabelled", images: 7 },
    ]);
    expect(finished.classes).toEqual([
      { name: "dog", labelled: 12, validation: 0, test: 6 },
      { name: "cat", labelled: 8, validation: 0, test: 6 },
      { name: "owl", labelled: 1, validation: 0, test: 0 },
    ]);
    const whole = finished.problems.slice(-5).map(({ kind, text }) => `${kind}: ${text}`);
    expect(whole.join("\n")).toMatch(
      /single: 1 class has a single labelled image: owl.*\nimbalance: .*dog has 12 .*owl 1\..*\nmissing-class: 1 class is not in both the labelled and the test images: owl\.\norientation: 1 image says that it lies.*--exif.*\nleft-out: .*1 \.mp4/,
    );
  });

  it("reads what it knows from its folder, and only new images anew", async () => {
    const journal = at("out", "images.jsonl");
    const rows = readFileSync(journal, "utf8").trim().split("\n");
    // As a crash leaves it: without its last rows, one of them cut off.
    writeFileSync(journal, `${rows.slice(0, -3).join("\n")}\n${rows.at(-3)!.slice(0, 40)}`);
    const known = async () => {
      const { events, findings } = await check({ ...sets, out: at("out") });
      return { findings, known: events.findLast((event) => event.type === "images")?.known };
    };
    const first = await known();
    expect(first.known).toBe(40 - 3);
    const again = await known();
    expect(again).toEqual({ findings: first.findings, known: 40 });
    expect(readFileSync(journal, "utf8").trim().split("\n").sort()).toEqual(rows.sort());
  });

  it.each([{ engine: "auto" }, { precision: "fp32" }, { device: "webgpu" }] as const)(
    "refuses what a model would run on: %j",
    async (option) => {
      const out = at("refused");
      await expect(check({ data: [at("data")], out, ...option })).rejects.toMatchObject({
        code: "usage/no-effect",
        message: expect.stringContaining(`${Object.keys(option)[0]} (--`) as string,
      });
      expect(existsSync(out)).toBe(false);
    },
  );

  it("says so of images with which nothing is wrong", async () => {
    const { findings, finished } = await check({ data: [at("test")], out: at("clean") });
    expect({ findings, problems: finished.problems }).toEqual({ findings: [], problems: [] });
    expect(readFileSync(finished.report, "utf8")).toContain("Nothing was found.");
  });

  it("does not look into its own folder, and writes nowhere else", async () => {
    const before = readdirSync(at("data"), { recursive: true });
    const out = at("data", "check");
    const first = await check({ data: [at("data")], out });
    const second = await check({ data: [at("data")], out });
    expect(second.findings).toEqual(first.findings);
    rmSync(out, { recursive: true });
    expect(readdirSync(at("data"), { recursive: true })).toEqual(before);
  });
});

describe("a cleaned copy", () => {
  const fixes = at("out", "fixes.csv");

  it("follows the list of fixes, by the sets", async () => {
    const text = readFileSync(fixes, "utf8").replace(
      /^(labelled,.*strip\.jpg,dog),keep,,/m,
      "$1,relabel,cat,",
    );
    writeFileSync(at("edited.csv"), text);
    const copy = await applyFixes({ ...sets, fixes: at("edited.csv"), to: at("copy") });
    expect(copy).toEqual({
      folder: at("copy"),
      written: 34,
      removed: 6,
      relabelled: 1,
      moved: 0,
      withoutLabel: 0,
    });
    const files = (name: string): readonly string[] => readdirSync(at("copy", name)).sort();
    expect(files("train")).toEqual(["cat", "dog", "owl"]);
    expect(files("train/cat")).toContain("strip.jpg");
    expect(files("train/dog")).toEqual(["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg", "tiny.png"]);
    expect(files("unlabelled")).not.toContain("test-3.jpg");
    const original = readFileSync(at("data/dog/strip.jpg"));
    expect(readFileSync(at("copy/train/cat/strip.jpg")).equals(original)).toBe(true);
    const { findings } = await check({
      data: [at("copy/train")],
      test: [at("copy/test")],
      unlabelled: [at("copy/unlabelled")],
      out: at("copied"),
    });
    expect(findings.map(({ kind }) => kind)).toEqual(["small", "narrow"]);
  });

  it("of labelled images alone has the classes as its folders, and free names", async () => {
    mkdirSync(at("deep/cat/a"), { recursive: true });
    mkdirSync(at("deep/cat/b"), { recursive: true });
    copyFileSync(at("data/cat/0.jpg"), at("deep/cat/a/x.jpg"));
    copyFileSync(at("data/cat/1.jpg"), at("deep/cat/b/X.jpg"));
    writeFileSync(at("none.csv"), "set,image,action\n");
    await applyFixes({ data: [at("deep")], fixes: at("none.csv"), to: at("flat") });
    expect(readdirSync(at("flat"), { recursive: true }).map(String).sort()).toEqual([
      "cat",
      "cat/X-2.jpg",
      "cat/x.jpg",
    ]);
  });

  it.each([
    [
      "an image that is not there",
      "labelled,x/gone.jpg,cat,remove,\n",
      /line 2: x\/gone\.jpg is none of the labelled images/,
    ],
    ["a class that is no name", "IMAGE,relabel,../x\n", /no folder can be named after its class "\.\.\/x"/],
    ["a class that is above", "IMAGE,relabel,..\n", /no folder can be named after its class "\.\."/],
  ])("is refused for %s, and nothing is left behind", async (_, row, message) => {
    const line = row.replace("IMAGE", `labelled,${at("data/cat/0.jpg")},cat`);
    writeFileSync(at("bad.csv"), `set,image,label,action,to\n${line}`);
    const before = readdirSync(folder).sort();
    await expect(applyFixes({ data: [at("data")], fixes: at("bad.csv"), to: at("bad") })).rejects.toThrow(
      message,
    );
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it("does not write over what stands", async () => {
    const refused = applyFixes({ data: [at("data")], fixes, to: at("test") });
    await expect(refused).rejects.toMatchObject({ code: "check/target-exists" });
    expect(existsSync(at("test", basename("cat")))).toBe(true);
  });
});
