import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, type TestContext } from "vitest";
import type { SemiEvent } from "../../src/semi/index.ts";
import { runSemi } from "../../src/node/semi.ts";
import type { RunSemiOptions } from "../../src/semi/index.ts";
import type { SemiSettings } from "../../src/semi/index.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventsOf, shortRecipe, stagesDone, writePipelineData, writeShard } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let settings: Partial<SemiSettings>;

type Changes = { readonly [K in keyof SemiSettings]?: SemiSettings[K] | undefined } & Pick<
  Partial<RunSemiOptions>,
  "only"
>;

const run = (out: string, { only, ...changes }: Changes = {}): Promise<readonly SemiEvent[]> =>
  eventsOf(
    runSemi({
      settings: { ...settings, ...changes } as Partial<SemiSettings>,
      out: at(out),
      threads: 1,
      workers: 1,
      only,
    }),
  );

/** An error with this code and these words. */
const saying = (code: string, ...words: readonly string[]): object => ({
  code,
  message: expect.toSatisfy((text: string) => words.every((word) => text.includes(word))) as string,
});

/** A copy of a run up to the selection. */
function copyOf(name: string): string {
  cpSync(at("run"), at(name), { recursive: true, preserveTimestamps: true });
  return name;
}

beforeAll(async () => {
  settings = await writePipelineData(at("data"));
  await run("run", { only: ["teach"] });
  await run("run", { only: ["score"] });
  await run("run", { only: ["select"] });
  await writeColouredImages(at("violet"), 2, 5);
  mkdirSync(at("violet", "violet"));
  cpSync(at("violet", "red", "0.png"), at("violet", "violet", "0.png"));
  await writeColouredImages(at("empty-class"), 2, 5);
  mkdirSync(at("empty-class", "violet"));
  mkdirSync(at("nothing"));
  writeFileSync(at("a-file"), "");
  cpSync(at("data", "labelled", "red", "0.png"), at("one.png"));
  cpSync(at("data", "labelled", "red"), at("one-class", "red"), { recursive: true });
});

describe("before anything is written, a run refuses", () => {
  it.each<[string, () => Changes, string, string]>([
    ["no labelled images", () => ({ labelled: [] }), "semi/settings", "labelled"],
    [
      "labelled images without classes",
      () => ({ labelled: [at("data", "unlabelled", "a.tar")] }),
      "semi/settings",
      "no classes",
    ],
    [
      "an unknown class in the test images",
      () => ({ test: [at("violet")] }),
      "data/class-mismatch",
      `test images (test, --test) ${at("violet")}: expected labels that name the 3 classes of the labelled images (blue, green, red) by name or index; 1 of 4 do not: violet. Check that the folder is the one that holds the class folders; leave`,
    ],
    [
      "an unknown class in the validation images",
      () => ({ validation: [at("violet")], validationShare: undefined }),
      "data/class-mismatch",
      `validation images (validation, --validation) ${at("violet")}: expected labels that name the 3 classes of the labelled`,
    ],
    [
      "test images without labels",
      () => ({ test: [at("data", "unlabelled", "a.tar")] }),
      "semi/settings",
      "no classes",
    ],
    ["an empty class folder", () => ({ labelled: [at("empty-class")] }), "data/empty-classes", "violet"],
    ["no unlabelled images", () => ({ unlabelled: [] }), "semi/settings", "unlabelled"],
    ["an empty folder of them", () => ({ unlabelled: [at("nothing")] }), "data/no-images", at("nothing")],
    ["shards that are not there", () => ({ unlabelled: [at("absent-*.tar")] }), "data/no-match", "absent-"],
    ["loose images", () => ({ unlabelled: [at("one.png")] }), "semi/settings", "folder"],
    ["K = 0", () => ({ k: 0 }), "semi/settings", "k"],
    ["more of a class than there are", () => ({ k: 31 }), "semi/k", "expected at most 30"],
    [
      "more of all classes than there are",
      () => ({ k: 11, ranking: "unbalanced" }),
      "semi/k",
      "expected at most 10, as there are 30 unlabelled images, of which K times the 3 classes",
    ],
    ["more classes than there are", () => ({ p: 4 }), "semi/p", "P (4): expected at most 3"],
    [
      "parts of archives",
      () => ({ shardImages: 5 }),
      "semi/no-effect",
      "shardImages (5): no effect on archives and tables",
    ],
    ["one class", () => ({ labelled: [at("one-class")] }), "train/classes", "there is red alone"],
    [
      "the statistics of one value",
      () => ({ finetuneRecipe: { ...shortRecipe, inputSize: 2, microBatch: 1 } }),
      "train/batch-norm",
      "batchNorm: frozen",
    ],
    [
      "more last stages than a student has",
      () => ({ pretrainRecipe: { ...shortRecipe, mode: "last-stages", lastStages: 3 } }),
      "train/recipe",
      "the network has 2 stages",
    ],
    ["what has no effect", () => ({ threshold: 0.5 }), "semi/no-effect", "threshold (0.5)"],
    [
      "a teacher that does not know a class",
      () => ({ teach: false, teachRecipe: undefined, teacher: "ssl_resnext17_cifar10", student: "resnet18" }),
      "data/class-mismatch",
      "labelled images (labelled, --labelled): expected labels that name the 10 classes of the teacher (airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck) by name or index; 3 of 3 do not: blue, green, red. Take a teacher",
    ],
    ["no teacher", () => ({ teacher: null, student: "resnet18" }), "semi/settings", "--teacher"],
    [
      "no student",
      () => ({ teacher: null, teach: false, teachRecipe: undefined }),
      "semi/settings",
      "--student",
    ],
    [
      "a share beside validation images",
      () => ({ validation: [at("data", "test")] }),
      "semi/no-effect",
      "validationShare (0.2): no effect with validation images of their own",
    ],
    ["an exported graph to train", () => ({ teacher: at("t.onnx") }), "semi/settings", "exported graph"],
    [
      "published weights of a model that has none",
      () => ({ student: "resnet18", studentStart: "pretrained" }),
      "semi/settings",
      "resnet18 has no published weights",
    ],
    [
      "the weights of a teacher that has none",
      () => ({
        teach: false,
        teachRecipe: undefined,
        teacher: "resnet18",
        student: null,
        studentStart: "teacher",
      }),
      "semi/settings",
      "studentStart (teacher): resnet18 has no published weights",
    ],
    [
      "to go on with an exported graph",
      () => ({
        teach: false,
        teachRecipe: undefined,
        teacher: at("t.onnx"),
        student: null,
        studentStart: "teacher",
      }),
      "semi/settings",
      "--student-start",
    ],
    ["an unknown architecture", () => ({ student: "resnext" }), "model/unknown-name", "resnext"],
  ])("%s", async (_, changes, code, words) => {
    const out = copyOf("refused");
    const before = readFileSync(at(out, "semi.yaml"), "utf8");
    await expect(run(out, changes())).rejects.toMatchObject(saying(code, words));
    expect(readFileSync(at(out, "semi.yaml"), "utf8")).toBe(before);
    expect(existsSync(at(out, "teacher", "best.safetensors"))).toBe(true);
    expect(existsSync(at(out, ".semi.lock"))).toBe(false);
    rmSync(at(out), { recursive: true });
  });
});

describe("a folder of images is not the folder of a run", () => {
  const refused = (out: string, changes: Changes): Promise<void> =>
    expect(run(out, changes)).rejects.toMatchObject({
      code: "semi/out",
      message: expect.stringContaining(
        `${at(out)}: expected a folder of its own for the run (out, -o)`,
      ) as string,
    });

  it.each(["labelled", "unlabelled", "test", "validation"] as const)("of %s images", async (name) => {
    const plain = { validationShare: undefined };
    await refused("violet", { ...plain, [name]: [at("violet")] });
    await refused("violet/../violet/", { ...plain, [name]: [at("empty-class"), at("violet")] });
    expect(readdirSync(at("violet"))).toEqual(["blue", "green", "red", "violet"]);
  });

  it("by another name", async () => {
    symlinkSync(at("violet"), at("link-to-violet"));
    await refused("link-to-violet", { labelled: [at("violet")] });
    expect(readdirSync(at("violet"))).toEqual(["blue", "green", "red", "violet"]);
  });

  it("that is one of the classes", async () => {
    await refused("violet/red", { labelled: [at("violet")] });
    expect(readdirSync(at("violet", "red"))).toEqual(["0.png", "1.png"]);
  });

  it("but one of its own below them is", async () => {
    await writeColouredImages(at("with-run"), 4, 5);
    const changes = { labelled: [at("with-run")], only: ["teach"] } as const;
    await run("with-run/run", changes);
    expect(stagesDone(await run("with-run/run", changes))).toEqual({});
  });
});

describe("a selection is not made of", () => {
  it("scores of another teacher", async () => {
    const out = copyOf("other-teacher");
    await run("other", { only: ["teach"], teachRecipe: { ...shortRecipe, learningRate: 1 } });
    await run("other", { only: ["score"], teachRecipe: { ...shortRecipe, learningRate: 1 } });
    const name = "000001-b.tar.parquet";
    cpSync(at("other", "scores", name), at(out, "scores", name));
    rmSync(at(out, "selection"), { recursive: true });
    await expect(run(out, { only: ["select"] })).rejects.toMatchObject(
      saying("semi/other-teacher", name, "Delete the file"),
    );
    rmSync(at(out, "scores", name));
    expect(stagesDone(await run(out, { only: ["score"] }))).toEqual({ scores: [`${name} is gone`] });
    await run(out, { only: ["select"] });
    const selection = "selection/selection.parquet";
    expect(readFileSync(at(out, selection)).equals(readFileSync(at("run", selection)))).toBe(true);
  });

  it("scores of a shard that is none of the run's", async () => {
    const out = copyOf("other-shard");
    cpSync(at(out, "scores", "000001-b.tar.parquet"), at(out, "scores", "000002-c.tar.parquet"));
    rmSync(at(out, "selection"), { recursive: true });
    await expect(run(out, { only: ["select"] })).rejects.toMatchObject(
      saying("semi/other-shard", "000002-c.tar.parquet"),
    );
  });

  it("images that all look like labelled ones", async () => {
    const changes = { unlabelled: settings.labelled!, only: ["score"] } as const;
    const out = copyOf("same");
    await run(out, changes);
    await expect(run(out, { ...changes, only: ["select"] })).rejects.toMatchObject(
      saying("semi/nothing-selected", "30 images were left out", "look like a labelled"),
    );
  });
});

it("does not train on a shard that has changed since it was scored", async () => {
  const out = copyOf("changed");
  const unlabelled = [at("changed-unlabelled", "*.tar")];
  cpSync(at("data", "unlabelled"), at("changed-unlabelled"), { recursive: true });
  await run(out, { unlabelled, only: ["score"] });
  await run(out, { unlabelled, only: ["select"] });
  await writeShard(at("changed-unlabelled", "b.tar"), 4, 8);
  await expect(run(out, { unlabelled, only: ["pretrain"] })).rejects.toMatchObject(
    saying("semi/missing-stage", "scores", "000001-b.tar.parquet has changed"),
  );
});

describe("files of a run", () => {
  it("that are damaged are named", async () => {
    const out = copyOf("damaged");
    writeFileSync(at(out, "scores", "manifest.json"), "{");
    await expect(run(out)).rejects.toMatchObject(
      saying("semi/manifest", at(out, "scores", "manifest.json"), "Delete"),
    );
  });

  it("that may be lost are lost without harm", async () => {
    const out = copyOf("lost");
    writeFileSync(at(out, ".fingerprints.json"), "{");
    const only = ["select"] as const;
    expect(stagesDone(await run(out, { only }))).toEqual({});
  });

  it("have to go into a folder", async () => {
    await expect(run("a-file")).rejects.toMatchObject(saying("data/unreadable", at("a-file")));
    await expect(run("a-file/run")).rejects.toMatchObject(saying("data/not-found", at("a-file")));
  });

  // Linux has a folder that not even root may write to.
  it.skipIf(!existsSync("/sys"))("have to go into one that can be written to", async () => {
    const events = runSemi({ settings, out: "/sys" });
    await expect(eventsOf(events)).rejects.toMatchObject(saying("data/permission", "/sys"));
  });

  it.skipIf(!existsSync("/proc"))("have to go into one that can be made", async () => {
    const events = runSemi({ settings, out: "/proc/new/run" });
    await expect(eventsOf(events)).rejects.toMatchObject(saying("data/not-found", "/proc/new/run"));
  });
});

/** Works in a small file system, or skips the test where none may be mounted. */
async function onDisk(
  context: TestContext,
  options: string,
  work: (disk: string) => Promise<void>,
): Promise<void> {
  const disk = `disk-${options}`;
  mkdirSync(at(disk));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at(disk)], { stdio: "ignore" });
  } catch {
    context.skip("mounting a file system is not allowed here");
  }
  try {
    await work(disk);
  } finally {
    execFileSync("umount", [at(disk)]);
  }
}

it("says that a file system is read-only", (context) =>
  onDisk(context, "ro", async (disk) => {
    await expect(run(`${disk}/new/run`)).rejects.toMatchObject(
      saying("data/permission", "is read-only. Write elsewhere"),
    );
  }));

it("says that the disk is full, and goes on when it is not", (context) =>
  onDisk(context, "size=400k", async (disk) => {
    const out = `${disk}/run`;
    writeFileSync(at(disk, "ballast"), Buffer.alloc(350_000));
    await expect(run(out, { only: ["teach"] })).rejects.toMatchObject(
      saying("data/disk-full", at(out), "what is still to be done takes about", "Free some space"),
    );
    expect(existsSync(at(out, "semi.yaml"))).toBe(false);
    execFileSync("mount", ["-o", "remount,size=4m", at(disk)]);
    const done = stagesDone(await run(out, { only: ["teach"] }));
    expect(done).toEqual({ teacher: [] });
  }));
