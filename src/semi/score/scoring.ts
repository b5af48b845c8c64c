import type { ImageSource } from "../../data/index.ts";
import { isOnnxPath, isWeightsPath, type Model } from "../../predict/index.ts";
import { engineText, type EmbeddingEngine } from "../../train/index.ts";
import type { Fingerprints } from "../fingerprints.ts";
import type { SemiPlatform } from "../platform.ts";
import type { ScoreOrigin } from "./score-files.ts";
import { scoreShard } from "./score-images.ts";
import type { Shard } from "./shards.ts";
import { frequencyModel, openTeacher, type Execution, type GivenOptions, type Teacher } from "./teacher.ts";

/** What shards of a stage are scored with: plain data, which another process can follow as well. */
export interface Scoring extends EmbeddingEngine {
  /** Folder of the stage below that of the run, which names it. */
  readonly stage: string;
  /** Where the score files go. */
  readonly folder: string;
  readonly teacher: TeacherFile;
  /** Of the labelled images. */
  readonly classes: readonly string[];
  /** Best classes that are kept of each image. */
  readonly p: number;
  readonly exif: boolean;
}

/** The teacher and what it is known by. */
export interface TeacherFile {
  /** As `openTeacher` takes it. */
  readonly path: string;
  readonly name: string;
  /** By {@link teacherHash}. */
  readonly sha256: string;
  /** Whether its last class is none of the others. */
  readonly hasNoneClass: boolean;
  /** What the settings say of it, where they name it and no stage trained it. */
  readonly given?: GivenOptions;
}

/** SHA-256 of a teacher: of a given file its bytes, of one that a stage trained what it computes; for published weights their name. */
export async function teacherHash(
  fingerprints: Fingerprints,
  { path, given }: Pick<TeacherFile, "path" | "given">,
  signal?: AbortSignal,
): Promise<string> {
  if (!given) return fingerprints.model(path, signal);
  return isOnnxPath(path) || isWeightsPath(path) ? fingerprints.file(path, signal) : path;
}

/** How a machine is used, which decides nothing but rounding. */
export type Machine = Pick<Execution, "device" | "plan">;

/** What looks at the images of shards. */
export interface Models extends AsyncDisposable {
  readonly teacher: Teacher;
  /** Gives the hashes where the teacher does not. */
  readonly hasher: Model<never>;
}

/** @throws what `openTeacher` throws */
export async function openModels(
  platform: SemiPlatform,
  machine: Machine,
  { teacher: { path, hasNoneClass, given }, classes, engine, precision, exif }: Scoring,
): Promise<Models> {
  const own = { ...machine, engine, precision, exif };
  const teacher = await openTeacher(platform, path, classes, { ...own, hasNoneClass }, given);
  const hasher = await frequencyModel(platform, teacher.model.description.preprocessing, own);
  const release = async (): Promise<void> => {
    await Promise.all([teacher.model.release(), hasher.release()]);
  };
  return { teacher, hasher, [Symbol.asyncDispose]: release };
}

/** What the score file of a shard says that it was made from. */
export function scoreOrigin(
  { teacher: { name, sha256 }, classes, p, exif, engine, precision }: Scoring,
  { path, sha256: ofShard, from, to }: Shard,
): ScoreOrigin {
  return {
    teacher: { name, sha256 },
    classes,
    p,
    exif,
    engine: engineText({ engine, precision }),
    shard: { path, sha256: ofShard, from, to },
  };
}

/** The same of several shards, by the name of the file. */
export const scoreOrigins = (scoring: Scoring, shards: readonly Shard[]): ReadonlyMap<string, ScoreOrigin> =>
  new Map(shards.map((shard) => [shard.name, scoreOrigin(scoring, shard)] as const));

/** Scores the images of a shard into its file, which appears when it is complete; yields once for each image. */
export const scoreInto = (
  { storageFor }: SemiPlatform,
  scoring: Scoring,
  { teacher, hasher }: Models,
  shard: Shard,
  images: ImageSource,
  signal: AbortSignal | undefined,
): ReturnType<typeof scoreShard> => {
  const storage = storageFor(scoring.folder);
  return scoreShard(storage, storage.join(scoring.folder, shard.name), teacher, {
    ...scoreOrigin(scoring, shard),
    images,
    hasher: teacher.hashes ? undefined : hasher,
    signal,
  });
};
