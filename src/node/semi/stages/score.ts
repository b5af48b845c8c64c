import { rm } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { UsageError } from "../../../core/index.ts";
import type { ImageSource } from "../../../data/index.ts";
import type { ReferenceRow, ScoreFacts } from "../../../semi/index.ts";
import type { Model } from "../../../predict/index.ts";
import { fileError } from "../../file-error.ts";
import { openImages } from "../../images/index.ts";
import { isOnnxPath, isWeightsPath } from "../../open-model.ts";
import type { SemiContext } from "../context.ts";
import type { SemiEvent } from "../events.ts";
import { imageProgress } from "../image-progress.ts";
import { readScoreFacts } from "../read-score-facts.ts";
import { writeReferences, type ReferenceSets } from "../references.ts";
import { referencesName, scoreFileNames } from "../score-files.ts";
import { scoreShard } from "../score-shard.ts";
import { listShards, openShard, type Shard } from "../shards.ts";
import { frequencyModel, openTeacher, type Teacher } from "../teacher.ts";
import type { OpenStage, StageOutcome } from "./stage-work.ts";

/** Scores the unlabelled images, a file for each shard, and hashes the images that they are compared with. */
export const openScore: OpenStage = async (context, { folder, needs, settings }) => {
  const { fingerprints, signal } = context;
  const shards = await unlabelledShards(context);
  const teacher = await teacherFile(context, needs[0]);
  const references = referencePaths(context);
  const origin = {
    settings,
    inputs: {
      teacher: teacher.sha256,
      ...Object.fromEntries(shards.map(({ name, sha256 }) => [name, sha256])),
      ...Object.fromEntries(
        await Promise.all(
          Object.entries(references).map(
            async ([set, paths]) => [`${set} images`, await fingerprints.data(paths, signal)] as const,
          ),
        ),
      ),
    },
  };
  return {
    origin,
    isIncremental: true,
    run: () => scoreAll({ context, folder, shards, teacher, references }),
  };
};

/** @throws UsageError `semi/settings` without unlabelled images. */
async function unlabelledShards(context: SemiContext): Promise<readonly Shard[]> {
  const { unlabelled, shardImages } = context.settings;
  if (unlabelled.length === 0) {
    throw new UsageError(
      "semi/settings",
      "Say where the images without labels are (unlabelled, --unlabelled): folders, shards or globs of them.",
    );
  }
  return listShards(unlabelled, shardImages, context.fingerprints, context.signal);
}

interface TeacherFile {
  /** As `openTeacher` takes it. */
  readonly name: string;
  /** Of the file; for published weights their name. */
  readonly sha256: string;
}

async function teacherFile(
  { settings, path, manifest, fingerprints, signal }: SemiContext,
  stage: string | undefined,
): Promise<TeacherFile> {
  if (stage !== undefined) {
    const file = "best.safetensors";
    return { name: path(stage, file), sha256: (await manifest(stage)).outputs[file]! };
  }
  const { teacher: name } = settings;
  if (name === null) {
    throw new UsageError(
      "semi/settings",
      "Say what the teacher is (teacher, --teacher): a model's name, or a file of weights or ONNX.",
    );
  }
  const isFile = isOnnxPath(name) || isWeightsPath(name);
  return { name, sha256: isFile ? await fingerprints.file(name, signal) : name };
}

function referencePaths({
  settings: { labelled, validation, test },
}: SemiContext): Readonly<Partial<Record<ReferenceRow["set"], readonly string[]>>> {
  return { labelled, ...(validation ? { validation } : {}), ...(test ? { test } : {}) };
}

interface Scoring {
  readonly context: SemiContext;
  readonly folder: string;
  readonly shards: readonly Shard[];
  readonly teacher: TeacherFile;
  readonly references: ReturnType<typeof referencePaths>;
}

async function* scoreAll(scoring: Scoring): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { context, folder, shards, teacher } = scoring;
  const { signal, execution, path, settings } = context;
  const { classes } = await context.labelled();
  await makeFolder(path(folder));
  await removeOthers(path(folder), shards);
  const opened = await openTeacher(teacher.name, classes, execution);
  const hasher = frequencyModel(opened.model.description.preprocessing, execution);
  try {
    yield* hashReferences(scoring, hasher);
    const total = shards.reduce((sum, { from, to }) => sum + to - from, 0);
    const progress = imageProgress({ stage: folder, what: "scored", total });
    const files: ScoreFacts[] = [];
    for (const shard of shards) {
      signal?.throwIfAborted();
      const wanted = { teacher, classes, shard: placeOf(shard), p: Math.min(settings.p, classes.length) };
      const file = path(folder, shard.name);
      const standing = await standingFacts(file);
      if (standing && isSame(standing, wanted)) {
        progress.skip(shard.to - shard.from);
        files.push(standing);
        continue;
      }
      const images = await openShard(shard, signal);
      const work = scoreShard(file, opened, {
        ...wanted,
        images,
        hasher: opened.hashes ? undefined : hasher,
        signal,
      });
      files.push(yield* progress.of(work));
    }
    return outcomeOf(files);
  } finally {
    await release(opened, hasher);
  }
}

async function* hashReferences(
  { context: { path, signal }, folder, references }: Scoring,
  hasher: Model,
): AsyncGenerator<SemiEvent, void, undefined> {
  const sets: Partial<Record<ReferenceRow["set"], ImageSource>> = {};
  for (const [set, paths] of Object.entries(references)) {
    sets[set as ReferenceRow["set"]] = await openImages(paths, { signal });
  }
  const total = Object.values(sets).reduce((sum, { size = 0 }) => sum + size, 0);
  const progress = imageProgress({ stage: folder, what: "hashed", total });
  yield* progress.of(writeReferences(path(folder, referencesName), hasher, sets as ReferenceSets, signal));
}

const placeOf = ({ path, sha256, from, to }: Shard): ScoreFacts["shard"] => ({ path, sha256, from, to });

/** What a score file says of itself, if there is one that can be read. */
async function standingFacts(file: string): Promise<ScoreFacts | undefined> {
  try {
    return await readScoreFacts(file);
  } catch {
    return undefined;
  }
}

function isSame(standing: ScoreFacts, wanted: Omit<ScoreFacts, "images" | "broken">): boolean {
  const { images: _, broken: __, ...kept } = standing;
  return (
    JSON.stringify([kept.teacher.sha256, kept.classes, kept.shard, kept.p]) ===
    JSON.stringify([wanted.teacher.sha256, wanted.classes, wanted.shard, wanted.p])
  );
}

function outcomeOf(files: readonly ScoreFacts[]): StageOutcome {
  const images = files.reduce((sum, facts) => sum + facts.images, 0);
  const broken = files.reduce((sum, facts) => sum + facts.broken.length, 0);
  return { outputs: [], counts: { shards: files.length, images, broken } };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

/** Removes the scores of shards that are no longer among the data. */
async function removeOthers(folder: string, shards: readonly Shard[]): Promise<void> {
  const wanted = new Set(shards.map(({ name }) => name));
  for (const name of await scoreFileNames(folder)) {
    if (!wanted.has(name)) await rm(`${folder}/${name}`, { force: true });
  }
}

async function release({ model }: Teacher, hasher: Model): Promise<void> {
  await Promise.all([model.release(), hasher.release()]);
}
