import { decodeText, UsageError } from "../../core/index.ts";
import { readBytes } from "../../core/storage/index.ts";
import { linesOf, mapClasses, noneLabel, type MappedLabels } from "../../data/index.ts";
import type { Preprocessing } from "../../image/index.ts";
import { modelConfig, noClassifier, randomStateDict, type ModelDescription } from "../../nn/index.ts";
import {
  createModel,
  embeddingEngine,
  enginesFor,
  isOnnxPath,
  isWeightsPath,
  modelOf,
  openModel,
  restrictToSubset,
  softmax,
  type Model,
  type ModelOptions,
} from "../../predict/index.ts";
import type { Device, Engine, PlanOverrides } from "../../runtime/index.ts";
import type { AskedEngine, EmbeddingEngine } from "../../train/index.ts";
import type { SemiPlatform } from "../platform.ts";
import type { SemiSettings } from "../settings/settings.ts";

/** Where models run, and how their images are read. */
export interface Execution extends EmbeddingEngine {
  readonly device: Device;
  /** How the machine is shared out. @default planned */
  readonly plan?: PlanOverrides | undefined;
  /** Whether images are turned upright, whatever the file of a model says. */
  readonly exif: boolean;
}

/** A model that scores images. */
export interface Teacher {
  readonly model: Model<never>;
  /** Whether the model gives the frequencies that hashes are made of; an exported graph does not. */
  readonly hashes: boolean;
  /** The logits of the classes that the labelled images have, in their order. */
  logitsOf(logits: Float32Array): Float32Array;
  /** Their probabilities, if others have a share in them; undefined where the teacher chooses among these classes alone. */
  probabilitiesOf?(logits: Float32Array): Float32Array;
}

interface TeacherOptions extends Execution {
  /**
   * Whether the last class is none of the others: it has its share of the probability, and is chosen where the labelled images have
   * the class `none`. @default false
   */
  readonly hasNoneClass?: boolean | undefined;
}

/**
 * Opens the teacher.
 *
 * @param classes Classes of the labelled images; the teacher may know more, among which it does not choose then.
 * @param own What the settings say of a given file.
 * @throws DataError `data/class-mismatch` when it does not know one of them.
 */
export async function openTeacher(
  platform: SemiPlatform,
  name: string,
  classes: readonly string[],
  { engine, precision, device, plan, exif, hasNoneClass = false }: TeacherOptions,
  own: GivenOptions = {},
): Promise<Teacher> {
  const isGraph = isOnnxPath(name);
  const preprocessing = { exifOrientation: exif };
  const model = isGraph
    ? await createModel(platform, name, {
        engine,
        device,
        plan,
        // An ONNX file has the precision that it was exported in, unless it is told otherwise.
        precision: precision === "bf16" ? precision : undefined,
        preprocessing,
        ...own,
      })
    : await modelOf(
        platform,
        await openModel(platform, name, { pretrained: !isWeightsPath(name), preprocessing, ...own }),
        { engine, device, plan },
        { floats: precision },
      );
  if (model.classes.length === 0) throw noClassifier(name);
  const isChosen = !hasNoneClass || classes.includes(noneLabel);
  const known = isChosen ? model.modelClasses : model.modelClasses.slice(0, -1);
  const subset = classIndices({ modelClasses: known }, classes);
  const twice = subset.findIndex((index, place) => subset.indexOf(index) !== place);
  if (twice >= 0) {
    throw new UsageError(
      "semi/classes",
      `${name}: "${classes[twice]}" and "${classes[subset.indexOf(subset[twice]!)]}" are the same class to it; give them one folder.`,
    );
  }
  const same = subset.length === model.classes.length && subset.every((index, place) => index === place);
  const restricted = (values: Float32Array): Float32Array =>
    Float32Array.from(restrictToSubset(values, subset));
  return {
    model,
    hashes: !isGraph,
    logitsOf: same ? (logits) => logits : restricted,
    ...(hasNoneClass ? { probabilitiesOf: (logits) => restricted(softmax(logits)) } : {}),
  };
}

/** The engine that is faster with the network that a run starts from: what its weights are does not matter. */
export async function fasterForTeacher(
  platform: SemiPlatform,
  settings: Pick<SemiSettings, "teacher"> & GivenTeacher,
  { device, precision }: Pick<Execution, "device" | "precision">,
): Promise<Engine> {
  const name = settings.teacher;
  if (name === null) return enginesFor(device, precision)[0] ?? "onnxruntime";
  const given = await givenOptions(platform, settings);
  if (!isOnnxPath(name)) {
    const source = await openModel(platform, name, isWeightsPath(name) ? given : { weights: "random" });
    return embeddingEngine(platform, source, { engine: "auto", device }, precision);
  }
  const model = await createModel(platform, name, {
    engine: "auto",
    device,
    precision: precision === "bf16" ? precision : undefined,
    ...given,
  });
  try {
    return (await model.opened(["logits"])).engine;
  } finally {
    await model.release();
  }
}

/**
 * Refuses what is asked for where the teacher is an ONNX file that does not run so.
 *
 * @throws UsageError `usage/precision`; ModelError `model/engine`
 */
export async function checkTeacherGraph(
  platform: SemiPlatform,
  settings: Pick<SemiSettings, "teacher"> & GivenTeacher,
  { engine, precision }: AskedEngine,
): Promise<void> {
  const { teacher } = settings;
  if (teacher === null || !isOnnxPath(teacher) || (engine === undefined && precision === undefined)) return;
  const { checkGraphEngine, checkGraphPrecision, readGraph } = await import("../../predict/open-graph.ts");
  const graph = await readGraph(platform, teacher, await givenOptions(platform, settings));
  checkGraphPrecision(teacher, graph, precision);
  checkGraphEngine(teacher, graph, engine);
}

/** What the settings say of the teacher's file. */
type GivenTeacher = Pick<SemiSettings, "ema" | "key" | "labels">;

/** What `openModel` is told of a file that the settings name. */
export type GivenOptions = Pick<ModelOptions, "ema" | "key" | "classes">;

/** The same as `openModel` takes it. @throws DataError when the file of class names cannot be read */
export async function givenOptions(
  { storageFor }: Pick<SemiPlatform, "storageFor">,
  { ema, key, labels }: GivenTeacher,
): Promise<GivenOptions> {
  const classes =
    labels === null ? undefined : linesOf(decodeText(await readBytes(storageFor(labels), labels)));
  return { ema, key: key ?? undefined, ...(classes ? { classes } : {}) };
}

/** What is said of labelled images with a class that a teacher, taken as it is, does not know. */
export const ofTeacher: MappedLabels = {
  what: "labelled images (labelled, --labelled)",
  owner: "the teacher",
  remedy:
    "Take a teacher that knows them, or train it on them (teach: true, --teach true); if its own names are missing or other ones, give them in the order of its outputs, one a line (labels, --labels FILE).",
};

/**
 * For each class its index in a model: one that knew the classes keeps its own order.
 *
 * @throws DataError `data/class-mismatch` when the model does not know one of them.
 */
export function classIndices(
  { modelClasses }: Pick<Model<never>, "modelClasses">,
  classes: readonly string[],
): readonly number[] {
  const indexOf = mapClasses(classes, modelClasses, ofTeacher);
  return classes.map((name) => indexOf.get(name)!);
}

/** A model of no use but for the frequencies of images, which need none of its weights. */
export function frequencyModel(
  platform: SemiPlatform,
  preprocessing: Preprocessing,
  { device, plan }: Pick<Execution, "device" | "plan">,
): Promise<Model<never>> {
  const config = modelConfig("resnet20_cifar10");
  const description: ModelDescription = { name: "hash", config, classes: [], preprocessing, provenance: {} };
  return modelOf(
    platform,
    { description, withWeights: (use) => use(randomStateDict(config, 0)) },
    { device, plan },
  );
}
