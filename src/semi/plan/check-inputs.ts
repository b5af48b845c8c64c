import { UsageError } from "../../core/index.ts";
import { checkSpace, folderBytes } from "../../core/storage/index.ts";
import {
  emptyClasses,
  mapClasses,
  openImages,
  pathsOfInputs,
  splitsText,
  usableImages,
  type ImageSource,
  type SplitNames,
} from "../../data/index.ts";
import { hasWeights, noClassifier, type ModelDescription } from "../../nn/index.ts";
import { decodeOptionsOf } from "../../image/index.ts";
import {
  classesOf,
  isOnnxPath,
  isWeightsPath,
  openModel,
  type ModelOptions,
  type WeightsNotice,
} from "../../predict/index.ts";
import {
  checkNetwork,
  fitBatch,
  planOver,
  runBytes,
  tensorBytes,
  wholeOrValidation,
  type Recipe,
} from "../../train/index.ts";
import { noClasses, noModel, openWithLabels, type SemiContext } from "../context.ts";
import type { PlannedStage, ShardsEvent, StageNote } from "../events.ts";
import { isFolder } from "../fingerprints.ts";
import { givenOptions, ofTeacher } from "../score/teacher.ts";
import { hashShards, imagesIn, listShards } from "../score/shards.ts";
import { defaultK } from "../select/selection.ts";
import { semiFields, type SemiSettings } from "../settings/settings.ts";
import {
  beginsWithTeacher,
  startOf,
  type Stage,
  type StageKind,
  type Start,
  type TrainingStage,
} from "./stage.ts";

/** What notes on the labelled images stand under, in the place of a stage. */
export const labelledNote = "labelled images";

/** What is known of a run before it begins. */
export interface CheckedInputs {
  /** What the stages do otherwise than their recipes say. */
  readonly notes: readonly StageNote[];
  /** About how much each stage writes, by its folder. */
  readonly bytes: ReadonlyMap<string, StageBytes>;
  /** Unlabelled images, where a stage reads them. */
  readonly unlabelled?: number | undefined;
}

type StageBytes = ReturnType<typeof runBytes>;

/** Images and network of a training. */
interface Training {
  readonly stage: TrainingStage;
  /** With the batch that its images fill. */
  readonly recipe: Recipe;
  readonly network: Pick<ModelDescription, "config" | "preprocessing">;
  /** At most; undefined where nobody knows. */
  readonly images: number | undefined;
}

/**
 * Refuses what would end the run hours later, before anything is written.
 *
 * @param stages All of the run, and those of them that are to be done.
 * @param readable Labelled images that an earlier check has read, which this one adds to.
 * @throws UsageError `semi/settings` for images or a model that are not named, and for images without classes;
 *   `semi/k`, `semi/p` and `semi/no-effect` for settings that the images cannot follow; `train/recipe` and
 *   `train/batch-norm` for a recipe that a network cannot be trained by; DataError `data/empty-classes`,
 *   `data/no-label`, `data/class-mismatch`, and for what cannot be read; ModelError for an unknown model.
 */
export async function* checkInputs(
  context: SemiContext,
  stages: { readonly all: readonly Stage[]; readonly wanted: readonly Stage[] },
  readable = new Set<string>(),
): AsyncGenerator<ShardsEvent, CheckedInputs, undefined> {
  const { settings } = context;
  const kinds = new Set(stages.wanted.map(({ kind }) => kind));
  const networks = await startingNetworks(context, stages);
  // Before anything is hashed, which can take hours.
  const splits = kinds.size > 0 ? (await context.labelled()).splits : undefined;
  let unlabelled: number | undefined;
  if (["score", "select", "adapt", "fit"].some((kind) => kinds.has(kind as StageKind))) {
    if (!kinds.has("select") || kinds.has("score")) yield* hashShards(context);
    unlabelled = imagesIn(await listShards(context));
    if (kinds.has("score") && !settings.teach && settings.teacher === null) throw noModel("score");
    await checkParts(context);
  }
  if (unlabelled !== undefined) {
    const { length } = (await context.labelled()).classes;
    if (kinds.has("score") && settings.method !== "joint") checkP(settings, length);
    if (kinds.has("select")) checkK(settings, unlabelled, length);
  }
  if (![...kinds].some((kind) => kind !== "select")) return { notes: [], bytes: new Map() };
  const { training, validation, classes } = await context.labelled();
  const trains = stages.wanted.some((stage) => "recipe" in stage.settings);
  await checkPresent(context, training.images, classes, trains ? readable : undefined);
  if (validation) {
    const given = settings.validation?.join(" ");
    const name = given === undefined ? validation.name : `(validation, --validation) ${given}`;
    await checkLabels(validation.images, `validation images ${name}`, classes);
  }
  if (kinds.has("score")) await checkTeacher(context, classes);
  await checkTest(context, kinds.has("measure") || kinds.has("score"), classes);

  const sizes = { labelled: training.images.size, unlabelled, classes: classes.length };
  const trainings: Training[] = [];
  for (const stage of stages.wanted) {
    const network = networks.get(stage.folder);
    if (!("recipe" in stage.settings) || !network) continue;
    const trained = stage as TrainingStage;
    const images = await imagesOf(context, trained, sizes);
    const { recipe } = trained.settings;
    const fitted =
      images === undefined || recipe.mode === "head" ? recipe : fitBatch(recipe, Math.max(1, images));
    checkNetwork(fitted, network.config, recipe.inputSize ?? network.preprocessing.inputSize);
    trainings.push({ stage: trained, recipe: fitted, network, images });
  }
  const last = trainings.at(-1);
  const weights = last ? tensorBytes(last.recipe, last.network.config).weights : 0;
  return {
    unlabelled,
    notes: [...splitsNote(splits), ...tableNote(training.images), ...trainings.flatMap(noteOf)],
    bytes: new Map([
      ...otherBytes(settings, stages.wanted, { ...sizes, weights }),
      ...trainings.map((one) => [one.stage.folder, trainingBytes(one)] as const),
    ]),
  };
}

/** The network of each training, with the input size that it sees; of those that are to be done all names are looked up. */
async function startingNetworks(
  context: SemiContext,
  { all, wanted }: { readonly all: readonly Stage[]; readonly wanted: readonly Stage[] },
): Promise<ReadonlyMap<string, Training["network"]>> {
  const networks = new Map<string, Training["network"]>();
  const needed = new Set(wanted.map(({ folder }) => folder));
  // From the last stage back: what a wanted one starts from is needed too.
  for (const stage of all.toReversed()) {
    const start = startOf(stage);
    if (needed.has(stage.folder) && start && "folder" in start) needed.add(start.folder);
  }
  for (const stage of all) {
    const start = startOf(stage);
    if (!start || !needed.has(stage.folder)) continue;
    const network = "folder" in start ? networks.get(start.folder) : await openStart(context, stage, start);
    const { inputSize } = (stage as TrainingStage).settings.recipe;
    if (!network) continue;
    const preprocessing = { ...network.preprocessing, ...(inputSize === null ? {} : { inputSize }) };
    networks.set(stage.folder, { config: network.config, preprocessing });
  }
  return networks;
}

/** Looks for the model that a training starts from. */
async function openStart(
  context: SemiContext,
  { kind }: Stage,
  { model, scratch, ema, key }: Exclude<Start, { readonly folder: string }>,
): Promise<Training["network"]> {
  if (model === "") throw noModel(kind);
  const { studentStart } = context.settings;
  if (isOnnxPath(model)) {
    const remedy = beginsWithTeacher(kind)
      ? "Say what the teacher (teacher, --teacher) is: an architecture such as resnext50_32x4d."
      : studentStart === "teacher"
        ? "Start the student elsewhere (studentStart, --student-start)."
        : "Say what the student (student, --student) is: an architecture such as resnext50_32x4d.";
    throw new UsageError("semi/settings", `${model}: an exported graph cannot be trained. ${remedy}`);
  }
  if (!beginsWithTeacher(kind) && !scratch && !isWeightsPath(model) && !hasWeights(model)) {
    throw new UsageError(
      "semi/settings",
      `studentStart (${studentStart}): ${model} has no published weights. Name a model that has some, or a file (${studentStart === "teacher" ? "teacher, --teacher" : "student, --student"}), or start from random ones (random).`,
    );
  }
  // Its classes are none of a training's, which has those of the labelled images.
  const onNotice = (notice: WeightsNotice): void => {
    if (notice.about !== "classes") context.onNotice?.(notice);
  };
  return (await described(context, model, { ema, key, onNotice })).description;
}

/** A model by name or file, of which nothing is downloaded. */
const described = (
  { platform, onNotice }: SemiContext,
  model: string,
  options: Pick<ModelOptions, "ema" | "key" | "classes" | "onNotice">,
): ReturnType<typeof openModel> =>
  openModel(platform, model, {
    onNotice,
    ...options,
    pretrained: !isWeightsPath(model) && platform.embeddedWeights(model) !== undefined,
  });

/** @throws DataError `data/class-mismatch` for a teacher that is taken as it is, and does not know a class. */
async function checkTeacher(context: SemiContext, classes: readonly string[]): Promise<void> {
  const { platform, settings } = context;
  const { teach, teacher } = settings;
  if (teach || teacher === null || isOnnxPath(teacher)) return;
  const { description } = await described(context, teacher, await givenOptions(platform, settings));
  if (description.config.numClasses === 0) throw noClassifier(teacher);
  mapClasses(classes, await classesOf(description), ofTeacher);
}

/** @throws UsageError `semi/no-effect` for a length of parts where there are none. */
async function checkParts({ platform, settings }: SemiContext): Promise<void> {
  const { shardImages, unlabelled } = settings;
  if (shardImages === semiFields.shardImages.schema.parse(undefined)) return;
  for (const path of await pathsOfInputs(platform.storageFor, unlabelled)) {
    if (await isFolder(platform, path)) return;
  }
  throw new UsageError(
    "semi/no-effect",
    `shardImages (${shardImages}): no effect on archives and tables, each of which is one shard; leave it out.`,
  );
}

/** @throws UsageError `semi/k` for more images of a class than these can give. */
function checkK({ k, ranking, method }: SemiSettings, unlabelled: number, classes: number): void {
  const isUnbalanced = ranking === "unbalanced";
  const most = isUnbalanced ? Math.floor(unlabelled / classes) : unlabelled;
  if (k === null || ranking === "threshold" || k <= most) return;
  throw new UsageError(
    "semi/k",
    `K (${k}): expected at most ${most}, as there are ${unlabelled} unlabelled images${isUnbalanced ? `, of which K times the ${classes} classes are taken` : ""}. Give a smaller K (k, -k), or leave it out: ${defaultK(unlabelled, classes, method === "joint")} then.`,
  );
}

/** @throws UsageError `semi/p` for more classes than there are, but for the usual number. */
function checkP({ p }: SemiSettings, classes: number): void {
  if (p <= classes || p === semiFields.p.schema.parse(undefined)) return;
  throw new UsageError(
    "semi/p",
    `P (${p}): expected at most ${classes}, as there are so many classes. Give a smaller P (p, -p), or leave it out: all classes then, up to 10.`,
  );
}

/**
 * Makes sure that there is an image of each class, and one that can be read where images are trained on: of each class so many
 * are decoded as it takes.
 *
 * @param readable Images that are known to be readable; undefined where none needs to be.
 * @throws DataError `data/empty-classes`.
 */
async function checkPresent(
  { platform, settings }: SemiContext,
  images: ImageSource,
  classes: readonly string[],
  readable: Set<string> | undefined,
): Promise<void> {
  const decode = decodeOptionsOf({ exifOrientation: settings.exif });
  const [present, read] = [new Set<string>(), new Set<string>()];
  for await (const item of images) {
    const { id, label } = item;
    if (label === undefined) continue;
    present.add(label);
    if (!readable || read.has(label)) continue;
    if (!readable.has(id) && (await platform.thumbnail(item, decode)) === undefined) continue;
    read.add(label);
    readable.add(id);
  }
  const without = (some: ReadonlySet<string>): readonly string[] => classes.filter((name) => !some.has(name));
  const empty = without(present);
  if (empty.length > 0) throw emptyClasses(empty, classes.length);
  const unreadable = readable ? without(read) : [];
  if (unreadable.length > 0) throw emptyClasses(unreadable, classes.length, "that can be read");
}

async function checkTest(context: SemiContext, isUsed: boolean, classes: readonly string[]): Promise<void> {
  const { test } = context.settings;
  if (test && isUsed) {
    const given = { name: test.join(" "), images: await openWithLabels(context, test) };
    const { name, images } = wholeOrValidation(given);
    await checkLabels(images, `test images (test, --test) ${name}`, classes);
  }
}

/** @param what What the images are for, and where they are. */
async function checkLabels(images: ImageSource, what: string, classes: readonly string[]): Promise<void> {
  if (!images.classes) throw noClasses(what);
  mapClasses(images.classes, classes, {
    what,
    owner: "the labelled images",
    remedy:
      "Check that the folder is the one that holds the class folders; leave images of other classes out, or label some of these classes too.",
  });
  // The rest are named when they are measured with.
  for await (const _ of usableImages(images, { labels: true }, () => undefined)) return;
}

/** Sizes of the data; undefined where nobody knows. */
interface Sizes {
  readonly labelled: number | undefined;
  readonly unlabelled: number | undefined;
  readonly classes: number;
}

/** Images of a training, at most. */
async function imagesOf(
  { platform, settings, signal }: SemiContext,
  { kind }: TrainingStage,
  { labelled, unlabelled, classes }: Sizes,
): Promise<number | undefined> {
  if (kind === "weak") return (await openImages(platform, settings.weak ?? [], { signal })).size;
  if (kind === "adapt") {
    const all = labelled === undefined || unlabelled === undefined ? undefined : labelled + unlabelled;
    return all === undefined ? undefined : Math.min(all, settings.adaptImages ?? all);
  }
  if (kind !== "pretrain") return labelled;
  if (unlabelled === undefined || settings.ranking === "threshold") return unlabelled;
  const wanted = (settings.k ?? defaultK(unlabelled, classes)) * classes;
  return Math.min(
    wanted,
    settings.ranking === "unbalanced" ? unlabelled : unlabelled * Math.min(settings.p, classes),
  );
}

function splitsNote(splits: SplitNames | undefined): readonly StageNote[] {
  return splits ? [{ stage: labelledNote, message: splitsText(splits) }] : [];
}

/** Rows of the table of labels that no image has. */
function tableNote({ rowsWithoutImage }: ImageSource): readonly StageNote[] {
  if (!rowsWithoutImage || rowsWithoutImage.count === 0) return [];
  const { count, examples } = rowsWithoutImage;
  const message = `${count} rows name no image here: ${examples.join(", ")}${count > examples.length ? ", …" : ""}`;
  return [{ stage: "labelsFile", message }];
}

function noteOf({ stage, recipe, images }: Training): readonly StageNote[] {
  const { batchSize } = stage.settings.recipe;
  if (recipe.batchSize === batchSize) return [];
  const most = stage.kind === "pretrain" ? "at most " : "";
  const message = `${most}${images} images for a batch of ${batchSize}: each step takes ${most}${recipe.batchSize}`;
  return [{ stage: stage.folder, message }];
}

const trainingBytes = ({ recipe, network, images }: Training): StageBytes =>
  runBytes(recipe, network.config, images === undefined ? undefined : planOver(recipe, images));

/** Of a row of scores, and of one of a selection, compressed; measured in docs/scale.md. */
const [scoreBytes, selectionBytes] = [9, 30];
/** What sorting takes on disk for a while, as a share of the scores. */
const spilled = 1 / 8;

/** Of stages that train nothing. @param weights Bytes of the model that the run ends with */
function otherBytes(
  { p, method }: SemiSettings,
  stages: readonly Stage[],
  { unlabelled = 0, classes, weights }: Sizes & { readonly weights: number },
): readonly (readonly [string, StageBytes])[] {
  const scores = unlabelled * (method === "joint" ? 1 : Math.min(p, classes)) * scoreBytes;
  const bytes = {
    score: { stays: scores, passes: 0 },
    select: { stays: unlabelled * selectionBytes, passes: scores * spilled },
    "none-class": { stays: weights, passes: 0 },
    choose: { stays: weights, passes: 0 },
  };
  return stages.flatMap(({ kind, folder }) =>
    kind in bytes ? [[folder, bytes[kind as "score"]] as const] : [],
  );
}

/**
 * Makes sure that there is room for what is still to be done.
 *
 * @throws DataError `data/disk-full` with what is needed and what there is.
 */
export async function checkRoom(
  { storage, out, path }: SemiContext,
  checked: readonly CheckedInputs[],
  plan: readonly PlannedStage[],
): Promise<void> {
  // Stages that several runs share have one folder, and count once.
  const bytes = new Map(checked.flatMap((one) => [...one.bytes]));
  let [stays, passes] = [0, 0];
  for (const { stage, status } of plan) {
    const needed = status === "done" ? undefined : bytes.get(stage);
    if (!needed) continue;
    stays += Math.max(0, needed.stays - (await folderBytes(storage, path(stage))));
    passes = Math.max(passes, needed.passes);
  }
  await checkSpace(storage, out, stays + passes, "what is still to be done");
}
