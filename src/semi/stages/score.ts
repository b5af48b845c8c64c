import { openImages, type ImageSource } from "../../data/index.ts";
import { isOnnxPath, isWeightsPath, type Model } from "../../predict/index.ts";
import { noModel, type OpenStage, type SemiContext, type StageOutcome } from "../context.ts";
import { brokenWarning, imageProgress, type Part, type SemiEvent } from "../events.ts";
import type { ScoreStage } from "../plan/stage.ts";
import {
  arrangeScores,
  matchingScores,
  referencesName,
  scoreFileNames,
  type ScoreOrigin,
} from "../score/score-files.ts";
import { referencesOrigin, scoreShard, writeReferences } from "../score/score-images.ts";
import { imagesIn, listShards, openShard, type Shard } from "../score/shards.ts";
import { frequencyModel, openTeacher, type Teacher } from "../score/teacher.ts";
import type { ReferenceRow, ScoreFacts } from "../tables.ts";
import { bestWeights } from "./training.ts";

/** Scores the unlabelled images, a file for each shard, and hashes the images that they are compared with. */
export const openScore: OpenStage<ScoreStage> = async (context, { folder, needs, settings }) => {
  const { storage, fingerprints, signal, path } = context;
  const shards = await listShards(context);
  const teacher = await teacherFile(context, needs[0]);
  const references = referencePaths(context);
  const inputs = Object.fromEntries(
    await Promise.all(
      Object.entries(references).map(
        async ([set, paths]) => [`${set} images`, await fingerprints.data(paths, signal)] as const,
      ),
    ),
  );
  const { labels, ...others } = settings;
  const origin = {
    settings: others,
    inputs: {
      teacher: teacher.sha256,
      ...(labels === undefined
        ? {}
        : { "the teacher's class names": await fingerprints.file(labels, signal) }),
      ...Object.fromEntries(shards.map(({ name, sha256 }) => [name, sha256])),
      ...inputs,
    },
  };
  return {
    origin,
    isIncremental: true,
    async missing() {
      const standing = new Set(await scoreFileNames(storage, path(folder)));
      return shards.filter(({ name }) => !standing.has(name)).map(({ name }) => `${name} is gone`);
    },
    run: () => scoreAll({ context, folder, p: settings.p, shards, teacher, references, inputs }),
  };
};

interface TeacherFile {
  /** As `openTeacher` takes it. */
  readonly path: string;
  readonly name: string;
  /** Of the file; for published weights their name. */
  readonly sha256: string;
  /** Whether its last class is none of the others. */
  readonly hasNoneClass: boolean;
  /** Whether the settings name it, and no stage trained it. */
  readonly isGiven: boolean;
}

async function teacherFile(
  { settings, path, manifest, fingerprints, signal }: SemiContext,
  stage: string | undefined,
): Promise<TeacherFile> {
  if (stage !== undefined) {
    const { outputs, stage: kind } = await manifest(stage);
    return {
      path: path(stage, bestWeights),
      name: `${stage}/${bestWeights}`,
      sha256: outputs[bestWeights]!,
      hasNoneClass: kind === "none-class",
      isGiven: false,
    };
  }
  const { teacher: name } = settings;
  if (name === null) throw noModel("score");
  const isFile = isOnnxPath(name) || isWeightsPath(name);
  const sha256 = isFile ? await fingerprints.file(name, signal) : name;
  return { path: name, name, sha256, hasNoneClass: false, isGiven: true };
}

type ReferencePaths = Readonly<Partial<Record<ReferenceRow["set"], readonly string[]>>>;

function referencePaths({ settings: { labelled, validation, test } }: SemiContext): ReferencePaths {
  return { labelled, ...(validation ? { validation } : {}), ...(test ? { test } : {}) };
}

/** What some of the shards are scored with. */
interface PartScoring {
  readonly context: SemiContext;
  readonly folder: string;
  /** Best classes that are kept of each image. */
  readonly p: number;
  readonly shards: readonly Shard[];
  readonly teacher: TeacherFile;
}

interface Scoring extends PartScoring {
  readonly references: ReferencePaths;
  /** Hashes of the references. */
  readonly inputs: Readonly<Record<string, string>>;
}

async function* scoreAll(scoring: Scoring): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { context, folder } = scoring;
  await using models = await openModels(scoring);
  yield* hashReferences(scoring, models.hasher);
  const wanted = wantedFiles(scoring, models.classes);
  const standing = await arrangeScores(context.platform, context.path(folder), wanted);
  return outcomeOf(yield* scoreEach(scoring, models, wanted, standing));
}

/**
 * Scores a part of the shards, while other processes may do the others: files appear whole, those that stand are kept. What there
 * is once for all shards is left to the stage itself.
 */
export async function* scorePart(
  context: SemiContext,
  { folder, needs, settings: { p } }: ScoreStage,
  part: Part,
): AsyncGenerator<SemiEvent, void, undefined> {
  const { platform, storage, path } = context;
  const shards = await listShards(context, part);
  const teacher = await teacherFile(context, needs[0]);
  const scoring = { context, folder, p, shards, teacher };
  await using models = await openModels(scoring);
  await storage.makeFolder(path(folder));
  const wanted = wantedFiles(scoring, models.classes);
  const standing = await matchingScores(platform, path(folder), wanted);
  const { counts } = outcomeOf(yield* scoreEach(scoring, models, wanted, standing));
  yield { type: "part-finished", stage: folder, part, counts, stood: standing.size };
}

interface Models extends AsyncDisposable {
  readonly classes: readonly string[];
  readonly teacher: Teacher;
  readonly hasher: Model<never>;
}

async function openModels({
  context,
  teacher: { path, hasNoneClass, isGiven },
}: PartScoring): Promise<Models> {
  const { platform, execution, settings } = context;
  const { classes } = await context.labelled();
  const given = isGiven ? settings : undefined;
  const teacher = await openTeacher(platform, path, classes, { ...execution, hasNoneClass }, given);
  const hasher = await frequencyModel(platform, teacher.model.description.preprocessing, execution);
  const release = async (): Promise<void> => {
    await Promise.all([teacher.model.release(), hasher.release()]);
  };
  return { classes, teacher, hasher, [Symbol.asyncDispose]: release };
}

function wantedFiles(
  { context, p, shards, teacher: { name, sha256 } }: PartScoring,
  classes: readonly string[],
): ReadonlyMap<string, ScoreOrigin> {
  const shared = {
    teacher: { name, sha256 },
    classes,
    p: Math.min(p, classes.length),
    exif: context.settings.exif,
  };
  return new Map(shards.map(({ name: file, ...shard }) => [file, { ...shared, shard }] as const));
}

/** Scores the shards whose files do not stand. @returns what all of their files say */
async function* scoreEach(
  { context: { platform, storage, signal, path }, folder, shards }: PartScoring,
  { teacher, hasher }: Models,
  wanted: ReadonlyMap<string, ScoreOrigin>,
  standing: ReadonlyMap<string, ScoreFacts>,
): AsyncGenerator<SemiEvent, readonly ScoreFacts[], undefined> {
  const progress = imageProgress({ stage: folder, what: "scored", total: imagesIn(shards) });
  const files: ScoreFacts[] = [];
  const left = shards.filter(({ name }) => !standing.has(name)).map((shard) => shard.path);
  const ended = new AbortController();
  try {
    for (const shard of shards) {
      signal?.throwIfAborted();
      const kept = standing.get(shard.name);
      if (kept) {
        progress.skip(shard.to - shard.from);
        files.push(kept);
        continue;
      }
      left.shift();
      const work = scoreShard(storage, path(folder, shard.name), teacher, {
        ...wanted.get(shard.name)!,
        images: fetchingNext(platform, await openShard(platform, shard, signal), left[0], ended.signal),
        hasher: teacher.hashes ? undefined : hasher,
        signal,
      });
      files.push(yield* progress.of(work));
    }
  } finally {
    ended.abort();
  }
  yield* brokenWarning(
    folder,
    files.flatMap((facts) => facts.broken.map(({ id, error }) => [id, error])),
  );
  return files;
}

/** The same images; once they are there, the file that comes after them is fetched. */
function fetchingNext(
  { storageFor }: SemiContext["platform"],
  images: ImageSource,
  next: string | undefined,
  signal: AbortSignal,
): ImageSource {
  return {
    ...images,
    async *[Symbol.asyncIterator]() {
      let isBegun = false;
      for await (const image of images) {
        if (!isBegun && next !== undefined) storageFor(next).prepare?.(next, { signal });
        isBegun = true;
        yield image;
      }
    },
  };
}

/** Hashes the references, unless the table of their hashes stands. */
async function* hashReferences(
  { context, folder, references, inputs }: Scoring,
  hasher: Model<never>,
): AsyncGenerator<SemiEvent, void, undefined> {
  const { platform, storage, path, signal, settings } = context;
  const file = path(folder, referencesName);
  const { exifOrientation: _, ...transform } = hasher.description.preprocessing;
  const origin = JSON.stringify([inputs, transform, settings.exif]);
  if ((await referencesOrigin(storage, file)) === origin) return;
  const sets: Partial<Record<ReferenceRow["set"], ImageSource>> = {};
  for (const [set, paths] of Object.entries(references)) {
    sets[set as ReferenceRow["set"]] = await openImages(platform, paths, { readLabels: false, signal });
  }
  const total = Object.values(sets).reduce((sum, { size = 0 }) => sum + size, 0);
  const progress = imageProgress({ stage: folder, what: "hashed", total });
  yield* progress.of(writeReferences(storage, file, hasher, { sets, origin, signal }));
}

function outcomeOf(files: readonly ScoreFacts[]): StageOutcome {
  const images = files.reduce((sum, facts) => sum + facts.images, 0);
  const broken = files.reduce((sum, facts) => sum + facts.broken.length, 0);
  return { outputs: [referencesName], counts: { shards: files.length, images, broken } };
}
