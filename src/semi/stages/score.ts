import { openImages, type ImageSource, type Part } from "../../data/index.ts";
import type { Model } from "../../predict/index.ts";
import { noModel, type OpenStage, type SemiContext, type StageOutcome } from "../context.ts";
import { brokenWarning, imageProgress, type SemiEvent } from "../events.ts";
import type { ScoreStage } from "../plan/stage.ts";
import { arrangeScores, matchingScores, referencesName, scoreFileNames } from "../score/score-files.ts";
import { referencesOrigin, writeReferences } from "../score/score-images.ts";
import {
  openModels,
  scoreInto,
  scoreOrigins,
  teacherHash,
  type Models,
  type Scoring,
  type TeacherFile,
} from "../score/scoring.ts";
import { imagesIn, listShards, openShard, type Shard } from "../score/shards.ts";
import { givenOptions } from "../score/teacher.ts";
import type { ReferenceRow, ScoreFacts } from "../tables.ts";
import { pruneScored } from "./prune-scores.ts";
import { bestWeights } from "./training.ts";

/** Scores the unlabelled images, a file for each shard, and hashes the images that they are compared with. */
export const openScore: OpenStage<ScoreStage> = async (context, stage) => {
  const { folder, needs, settings } = stage;
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
    run: () => scoreAll({ context, stage, shards, teacher, references, inputs }),
  };
};

/** The teacher of a stage: that of another stage, or a given one. */
export async function teacherFile(context: SemiContext, stage: string | undefined): Promise<TeacherFile> {
  const { platform, settings, path, manifest, fingerprints, signal } = context;
  if (stage !== undefined) {
    const { outputs, stage: kind } = await manifest(stage);
    return {
      path: path(stage, bestWeights),
      name: `${stage}/${bestWeights}`,
      sha256: outputs[bestWeights]!,
      hasNoneClass: kind === "none-class",
    };
  }
  const { teacher: name } = settings;
  if (name === null) throw noModel("score");
  const file = { path: name, given: await givenOptions(platform, settings) };
  return { ...file, name, sha256: await teacherHash(fingerprints, file, signal), hasNoneClass: false };
}

/** What the shards of a stage are scored with. */
export async function scoringOf(
  context: SemiContext,
  { folder, settings: { p } }: ScoreStage,
  teacher: TeacherFile,
): Promise<Scoring> {
  const { classes } = await context.labelled();
  const { engine, precision, exif } = context.execution;
  return {
    stage: folder,
    folder: context.path(folder),
    teacher,
    classes,
    p: Math.min(p, classes.length),
    engine,
    precision,
    exif,
  };
}

type ReferencePaths = Readonly<Partial<Record<ReferenceRow["set"], readonly string[]>>>;

function referencePaths({ settings: { labelled, validation, test } }: SemiContext): ReferencePaths {
  return { labelled, ...(validation ? { validation } : {}), ...(test ? { test } : {}) };
}

/** What a stage scores and hashes. */
interface ScoreWork {
  readonly context: SemiContext;
  readonly stage: ScoreStage;
  readonly shards: readonly Shard[];
  readonly teacher: TeacherFile;
  readonly references: ReferencePaths;
  /** Hashes of the references. */
  readonly inputs: Readonly<Record<string, string>>;
}

async function* scoreAll(work: ScoreWork): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { context, stage, shards, teacher } = work;
  const { platform, execution } = context;
  const scoring = await scoringOf(context, stage, teacher);
  await using models = await openModels(platform, execution, scoring);
  yield* hashReferences(work, models.hasher);
  const standing = await arrangeScores(platform, scoring.folder, scoreOrigins(scoring, shards));
  const files = yield* scoreEach(context, scoring, models, shards, standing);
  const names = shards.map(({ name }) => name);
  await pruneScored(context, { folder: stage.folder, names, classes: scoring.classes });
  return outcomeOf(files);
}

/**
 * Scores a part of the shards, while other processes may do the others: files appear whole, those that stand are kept. What there
 * is once for all shards is left to the stage itself.
 */
export async function* scorePart(
  context: SemiContext,
  stage: ScoreStage,
  part: Part,
): AsyncGenerator<SemiEvent, void, undefined> {
  const { platform, storage, execution } = context;
  const shards = await listShards(context, part);
  const scoring = await scoringOf(context, stage, await teacherFile(context, stage.needs[0]));
  await using models = await openModels(platform, execution, scoring);
  await storage.makeFolder(scoring.folder);
  const standing = await matchingScores(platform, scoring.folder, scoreOrigins(scoring, shards));
  const { counts } = outcomeOf(yield* scoreEach(context, scoring, models, shards, standing));
  const names = shards.flatMap(({ name }) => (standing.has(name) ? [] : [name]));
  await pruneScored(context, { folder: stage.folder, names, classes: scoring.classes, part });
  yield { type: "part-finished", stage: stage.folder, part, counts, stood: standing.size };
}

/** Scores the shards whose files do not stand. @returns what all of their files say */
async function* scoreEach(
  { platform, signal }: SemiContext,
  scoring: Scoring,
  models: Models,
  shards: readonly Shard[],
  standing: ReadonlyMap<string, ScoreFacts>,
): AsyncGenerator<SemiEvent, readonly ScoreFacts[], undefined> {
  const { stage } = scoring;
  const progress = imageProgress({ stage, what: "scored", total: imagesIn(shards) });
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
      const images = fetchingNext(platform, await openShard(platform, shard, signal), left[0], ended.signal);
      files.push(yield* progress.of(scoreInto(platform, scoring, models, shard, images, signal)));
    }
  } finally {
    ended.abort();
  }
  yield* brokenWarning(
    stage,
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
  { context, stage: { folder }, references, inputs }: ScoreWork,
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
