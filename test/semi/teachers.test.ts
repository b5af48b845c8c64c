import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AttributeProtoSchema, ModelProtoSchema } from "onnx-buf";
import { beforeAll, describe, expect, it } from "vitest";
import { exportOnnx, exportSafetensors, openModel } from "../../src/node/library.ts";
import { tensor, type Tensor } from "../../src/core/index.ts";
import type { ModelSource } from "../../src/predict/open-model.ts";
import type { SemiEvent } from "../../src/semi/index.ts";
import { fileStorage } from "../../src/node/files/file-storage.ts";
import { readTable } from "../../src/semi/parquet-table.ts";
import { runSemi } from "../../src/node/semi.ts";
import { readScoreFacts } from "../../src/node/semi.ts";
import { readManifest } from "../../src/semi/stages/manifest.ts";
import { readResults } from "../../src/semi/stages/measure.ts";
import type { SemiSettings, StageKind } from "../../src/semi/index.ts";
import { scoreColumns, type ScoreRow } from "../../src/semi/tables.ts";
import { collect } from "../data/collect.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { encodeZipPth } from "../support/pth-writer.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";
import { eventsOf, shortRecipe, stagesDone, writePipelineData } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let settings: Partial<SemiSettings>;

/** A recipe of the teacher has an effect only where one is trained. */
const settingsFor = (changes: Partial<SemiSettings>): Partial<SemiSettings> => {
  const { teachRecipe: _, ...rest } = settings;
  return { ...(changes.teach === false ? rest : settings), ...changes };
};

const run = async (
  out: string,
  changes: Partial<SemiSettings>,
  ...kinds: readonly StageKind[]
): Promise<readonly SemiEvent[]> => {
  const events: SemiEvent[] = [];
  for (const only of kinds.length === 0 ? [undefined] : kinds.map((kind) => [kind])) {
    const options = { settings: settingsFor(changes), out: at(out), threads: 1, workers: 1, only };
    events.push(...(await eventsOf(runSemi(options))));
  }
  return events;
};

const scoresOf = (out: string): Promise<readonly ScoreRow[]> =>
  collect(readTable<ScoreRow>(fileStorage, at(out, "scores", "000000-a.tar.parquet"), scoreColumns));

/** What stage events count. */
const countsOf = (events: readonly SemiEvent[]): Readonly<Record<string, Readonly<Record<string, number>>>> =>
  Object.fromEntries(
    events.flatMap((event) =>
      event.type === "stage-finished" ? [[event.stage, event.manifest.counts]] : [],
    ),
  );

/** Of more classes than the labelled images have. */
const classes = ["violet", "red", "green", "teal", "blue"];
const trained = (): ModelSource =>
  smallNetwork({ inputSize: 16, stem: "cifar", numClasses: classes.length, classes });
const student = at("data", "small.safetensors");

beforeAll(async () => {
  settings = { ...(await writePipelineData(at("data"))), student };
  await exportSafetensors(trained(), at("trained.safetensors"));
  await exportOnnx(trained(), at("trained.onnx"));
  await run("trained", { teach: false, teacher: at("trained.safetensors") }, "score");
});

describe("a teacher that is taken as it is", () => {
  it("chooses among the classes of the labelled images, whatever others it knows", async () => {
    const facts = await readScoreFacts(at("trained", "scores", "000000-a.tar.parquet"));
    expect(facts).toMatchObject({ classes: colours, p: 3, images: 15 });
    const rows = await scoresOf("trained");
    expect(rows).toHaveLength(45);
    const first = rows.filter(({ position }) => position === 0);
    expect(first.map((row) => row.class).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    expect(first.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
  });

  it("scores alike as an exported graph, with the same hashes", async () => {
    await run("onnx", { teach: false, teacher: at("trained.onnx") }, "score");
    const [graph, weights] = [await scoresOf("onnx"), await scoresOf("trained")];
    const exact = (rows: readonly ScoreRow[]): unknown => rows.map((row) => ({ ...row, score: 0 }));
    expect(exact(graph)).toEqual(exact(weights));
    graph.forEach(({ score }, index) => expect(score).toBeCloseTo(weights[index]!.score, 5));
    expect(new Set(graph.map(({ phash }) => phash)).size).toBe(15);
  });

  it("scores in what its file computes in, and is refused in another precision before anything is written", async () => {
    await exportOnnx(trained(), at("int8.onnx"), { precision: "int8", calibration: at("data", "labelled") });
    const given = { teach: false, teacher: at("int8.onnx") };
    for (const [precision, engine] of [
      ["fp32", "onnxruntime"],
      ["bf16", "openvino"],
    ] as const) {
      const options = {
        settings: settingsFor(given),
        out: at("int8"),
        only: ["score"],
        precision,
        engine,
      } as const;
      await expect(eventsOf(runSemi(options))).rejects.toMatchObject({
        code: "usage/precision",
        message: expect.stringContaining(
          `int8.onnx computes in int8, as it was exported, and not in ${precision}`,
        ) as string,
      });
    }
    expect(existsSync(at("int8"))).toBe(false);
    await run("int8", given, "score");
    expect(await scoresOf("int8")).toHaveLength(45);
  });

  it("is refused on OpenVINO before anything is written where its file resizes with antialiasing", async () => {
    const model = fromBinary(ModelProtoSchema, readFileSync(at("trained.onnx")));
    const antialias = create(AttributeProtoSchema, { name: "antialias", type: 2, i: 1n });
    model.graph!.node[0]!.attribute.push(antialias);
    writeFileSync(at("antialiases.onnx"), toBinary(ModelProtoSchema, model));
    const given = settingsFor({ teach: false, teacher: at("antialiases.onnx") });
    const events = runSemi({ settings: given, out: at("antialiases"), only: ["score"], engine: "openvino" });
    await expect(eventsOf(events)).rejects.toMatchObject({ code: "model/engine" });
    expect(existsSync(at("antialiases"))).toBe(false);
  });

  it("may be one of several in a file, by the prefix of its weights", async () => {
    const tensors = await trained().withWeights((weights) =>
      Promise.all([...weights].map(async ([name, value]) => [name, await value.load()] as const)),
    );
    const zeros = ({ dims, data }: Tensor) => tensor("float32", dims, new Float32Array(data.length));
    const both = [
      ...tensors.map(([name, value]) => [`teacher.${name}`, value] as const),
      ...tensors.map(([name, value]) => [`student.${name}`, zeros(value)] as const),
    ];
    writeFileSync(at("both.pth"), await encodeZipPth(new Map(both)));
    const names = at("names.txt");
    writeFileSync(names, classes.join("\n"));
    const given = { teach: false, teacher: at("both.pth"), labels: names };
    await expect(run("unsaid", given, "score")).rejects.toMatchObject({ code: "weights/several-networks" });
    await run("keyed", { ...given, key: "teacher" }, "score");
    const chosen = (rows: readonly ScoreRow[]): unknown => rows.map((row) => row.class);
    expect(chosen(await scoresOf("keyed"))).toEqual(chosen(await scoresOf("trained")));
  });

  it("may be the folder of a run", async () => {
    mkdirSync(at("kept"));
    cpSync(at("trained.safetensors"), at("kept", "best.safetensors"));
    await run("of-folder", { teach: false, teacher: at("kept") }, "score");
    expect(await scoresOf("of-folder")).toEqual(await scoresOf("trained"));
  });

  it("may be a .pth of ImageNet's classes", async () => {
    const wnids = ["n01440764", "n01443537", "n01484850"];
    colours.forEach((name, index) => {
      cpSync(at("data", "labelled", name), at("wnids", wnids[index]!), { recursive: true });
    });
    const network = smallNetwork({ numClasses: 1000 });
    const bytes = await network.withWeights(async (weights) => {
      const loaded = await Promise.all(
        [...weights].map(async ([name, value]) => [name, await value.load()] as const),
      );
      return encodeZipPth(new Map(loaded));
    });
    writeFileSync(at("imagenet.pth"), bytes);
    await run(
      "pth",
      { teach: false, teacher: at("imagenet.pth"), labelled: [at("wnids")], test: null },
      "score",
    );
    const facts = await readScoreFacts(at("pth", "scores", "000001-b.tar.parquet"));
    expect(facts).toMatchObject({ teacher: { name: at("imagenet.pth") }, classes: wnids, images: 15 });
  });

  it("has to know the classes", async () => {
    const others = smallNetwork({ inputSize: 16, stem: "cifar", classes: ["blue", "green", "violet"] });
    await exportSafetensors(others, at("others.safetensors"));
    const scored = run("others", { teach: false, teacher: at("others.safetensors") }, "score");
    await expect(scored).rejects.toMatchObject({
      code: "data/class-mismatch",
      message: expect.stringMatching(
        /^labelled images \(.*3 classes of the teacher \(blue, green, violet\) .* 1 of 3 do not: red\. /,
      ) as string,
    });
  });
});

/** The weights of one convolution. */
async function kernelOf(path: string): Promise<Float32Array> {
  const bytes = (await tensorsOf(path)).get("layer1.0.conv1.weight")!;
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
}

describe("the student", () => {
  it("sees an image once for each class that it was selected for", async () => {
    const changes = { teach: false, teacher: at("trained.safetensors"), k: 15, duplicateDistance: null };
    const counts = countsOf(await run("trained", changes, "select", "pretrain"));
    expect(counts["selection"]).toMatchObject({ rows: 45 });
    expect(counts["selection"]!["images"]).toBeLessThan(45);
    expect(counts["pretrain"]).toMatchObject({ images: 45 });
  });

  it("begins with random weights, also where the teacher is a file", async () => {
    const still = { ...shortRecipe, learningRate: 1e-12 };
    const teacher = at("trained.safetensors");
    const changes = { teach: false, teacher, student: null, pretrainRecipe: still };
    await run("trained", changes, "select", "pretrain");
    const [before, after] = [
      await kernelOf(teacher),
      await kernelOf(at("trained", "pretrain", "best.safetensors")),
    ];
    expect(after.length).toBe(before.length);
    expect(after).not.toEqual(before);
  });

  it.each(["pretrained", "teacher"] as const)(
    "begins with other weights where it is asked to: %s",
    async (studentStart) => {
      const still = { ...shortRecipe, learningRate: 1e-12 };
      const given = smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 2, classes: ["cat", "dog"] });
      await exportSafetensors(given, at("start.safetensors"));
      const name = `from ${studentStart}`;
      const changes = {
        teacher: at("start.safetensors"),
        student: null,
        studentStart,
        pretrainRecipe: still,
      };
      await run(name, changes, "teach", "score", "select", "pretrain", "finetune", "supervised");
      const [begun, taught, ...students] = await Promise.all(
        [
          at("start.safetensors"),
          ...["teacher", "pretrain", "supervised"].map((stage) => at(name, stage, "best.safetensors")),
        ].map(kernelOf),
      );
      expect(taught).not.toEqual(begun);
      for (const own of students) expect(own).toEqual(studentStart === "teacher" ? taught : begun);
      // The baseline is as long as the student's trainings, and not as its teacher's too.
      const imagesOf = async (stage: string): Promise<number> =>
        (await readManifest(fileStorage, at(name, stage)))!.counts["imagesProcessed"]!;
      expect(await imagesOf("supervised")).toBe((await imagesOf("pretrain")) + (await imagesOf("finetune")));
    },
  );

  it("goes on with the teacher's weights where the teacher is taken as it is", async () => {
    const teacher = at("trained.safetensors");
    const still = { ...shortRecipe, learningRate: 1e-12 };
    const changes = {
      teach: false,
      teacher,
      student: null,
      studentStart: "teacher",
      pretrainRecipe: still,
    } as const;
    await run("go-on", changes, "score", "select", "pretrain");
    const [before, after] = [
      await kernelOf(teacher),
      await kernelOf(at("go-on", "pretrain", "best.safetensors")),
    ];
    expect(after).toEqual(before);
  });

  it("knows the classes that nothing was selected for", async () => {
    const changes = {
      teach: false,
      teacher: at("trained.safetensors"),
      ranking: "unbalanced",
      k: 3,
    } as const;
    const counts = countsOf(await run("trained", changes, "select", "pretrain"));
    expect(counts["selection"]!["classes"]).toBeLessThan(3);
    const { description } = await openModel(at("trained", "pretrain", "best.safetensors"));
    expect(description.classes).toEqual(colours);
  });
});

describe("a run with a teacher that is taken as it is", () => {
  it("measures the teacher beside the students, among the classes of the labelled images", async () => {
    await writeColouredImages(at("few"), 2, 9);
    const events = await run("given", { teach: false, teacher: at("trained.onnx"), test: [at("few")] });
    const { models } = (await readResults(fileStorage, at("given", "results")))!;
    expect(models.map(({ stage, kind }) => [stage, kind])).toEqual([
      ["teacher", "teach"],
      ["pretrain", "pretrain"],
      ["finetune", "finetune"],
      ["supervised", "supervised"],
    ]);
    const [teacher] = models;
    expect(teacher!.confusion).toHaveLength(9);
    expect(teacher!.confusion.reduce((sum, count) => sum + count)).toBe(6);
    const [arm] = events.flatMap((event) => (event.type === "report" ? event.arms : []));
    expect(arm).toMatchObject({
      kind: "teacher",
      runs: [{ top1: teacher!.top1, imagesProcessed: undefined }],
    });
  });
});

describe("variations", () => {
  it("are measured in the order of the labelled classes, also where a model has another", async () => {
    const turned = smallNetwork({ inputSize: 16, stem: "cifar", classes: colours.toReversed() });
    await exportSafetensors(turned, at("turned.safetensors"));
    await writeColouredImages(at("uneven"), 2, 9);
    cpSync(at("uneven", "red", "0.png"), at("uneven", "red", "2.png"));
    await run("turned", { teacher: at("turned.safetensors"), test: [at("uneven")] });
    const { description } = await openModel(at("turned", "teacher", "best.safetensors"));
    expect(description.classes).toEqual(colours.toReversed());
    const { models } = (await readResults(fileStorage, at("turned", "results")))!;
    const images = models.map(({ confusion }) =>
      colours.map((_, row) => confusion.slice(3 * row, 3 * row + 3).reduce((sum, count) => sum + count)),
    );
    expect(images).toEqual(models.map(() => [2, 2, 3]));
  });

  it("train a teacher on weak labels first", async () => {
    const changes = { weak: [at("data", "test")], weakRecipe: shortRecipe };
    expect(stagesDone(await run("weak", changes, "weak", "teach"))).toEqual({
      "weak-teacher": [],
      teacher: [],
    });
    const { description } = await openModel(at("weak", "teacher", "best.safetensors"));
    expect(description.provenance["model"]).toBe("weak-teacher");
  });

  it("go on for another round, with the student as its teacher", async () => {
    const changes = {
      baseline: false,
      teach: false,
      teacher: at("trained.safetensors"),
      pretrainRecipe: shortRecipe,
    };
    await run("rounds", changes);
    const done = stagesDone(await run("rounds", { ...changes, rounds: 2 }));
    expect(Object.keys(done)).toEqual([
      "round-2/scores",
      "round-2/selection",
      "round-2/pretrain",
      "round-2/finetune",
      "results",
      "best",
    ]);
    const facts = await readScoreFacts(at("rounds", "round-2", "scores", "000000-a.tar.parquet"));
    expect(facts.teacher.name).toBe("finetune/best.safetensors");
    expect(readdirSync(at("rounds"))).not.toContain("supervised");
  });

  it("share what a variant does not touch", async () => {
    const changes = {
      baseline: false,
      teach: false,
      teacher: at("trained.safetensors"),
      pretrainRecipe: shortRecipe,
      sweep: { k: [6] },
    };
    const events = await eventsOf(
      runSemi({
        settings: settingsFor(changes),
        out: at("rounds"),
        threads: 1,
        workers: 1,
        withVariants: true,
      }),
    );
    expect(Object.keys(stagesDone(events))).toEqual([
      "results",
      "best",
      "variants/k-6/selection",
      "variants/k-6/pretrain",
      "variants/k-6/finetune",
      "variants/k-6/results",
      "variants/k-6/best",
    ]);
  });
});
