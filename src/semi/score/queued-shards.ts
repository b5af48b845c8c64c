import { DataError } from "../../core/index.ts";
import {
  fingerprintsFile,
  openFingerprints,
  otherFingerprints,
  textHash,
  writeFingerprints,
  type Fingerprints,
  type KeptFingerprints,
} from "../fingerprints.ts";
import type { SemiPlatform } from "../platform.ts";
import { matchingScores } from "./score-files.ts";
import {
  openModels,
  scoreInto,
  scoreOrigin,
  teacherHash,
  type Machine,
  type Models,
  type Scoring,
} from "./scoring.ts";
import { openShard, readShard, type ListedShard } from "./shards.ts";

/** What a queue says of a run besides its shards: plain data, for processes of this version. */
export interface QueuedWork {
  /** Folder of the run, absolute. */
  readonly out: string;
  readonly scorings: readonly Scoring[];
}

/** A shard in a queue. */
export type QueuedShard = ListedShard & {
  /** Which of the scorings. */
  readonly scoring: number;
};

/** What came of a shard. */
export interface ScoredShard {
  readonly images: number;
  readonly broken: number;
  /** Whether its score file stood before. */
  readonly stood: boolean;
  /** Of the archive, for the run that follows. */
  readonly fingerprint: KeptFingerprints;
}

/** What came of all shards. */
export interface MergedShards {
  readonly shards: number;
  readonly images: number;
  readonly broken: number;
  readonly stood: number;
}

/** Scores shards of a run that another process began. */
export interface ShardScorer extends AsyncDisposable {
  /** @param onImage Is called for each image. */
  score(shard: QueuedShard, options: ScoreOptions): Promise<ScoredShard>;
  /** Leaves the hashes of the archives where the run that follows looks for them. */
  merge(name: string, shards: readonly ScoredShard[]): Promise<MergedShards>;
}

interface ScoreOptions {
  readonly signal: AbortSignal;
  readonly onImage: () => void;
}

/** Opens scorers, which share models: of one teacher with the same classes there is one. */
export function shardScorers(
  platform: SemiPlatform,
  machine: Machine,
): (work: QueuedWork, signal: AbortSignal) => Promise<ShardScorer> {
  const models = sharedModels(platform, machine);
  return async ({ out, scorings }, signal) => {
    const storage = platform.storageFor(out);
    const others = [fingerprintsFile(storage, out), ...(await otherFingerprints(storage, out))];
    const fingerprints = await openFingerprints(platform, undefined, others);
    for (const scoring of scorings) await checkTeacher(fingerprints, scoring, signal);
    const opened: OpenModels[] = [];
    const close = async (): Promise<void> => {
      await Promise.all(opened.map((own) => own.close()));
    };
    try {
      for (const scoring of scorings) {
        opened.push(await models.open(scoring));
        await storage.makeFolder(scoring.folder);
      }
    } catch (error) {
      await close();
      throw error;
    }
    return {
      score: (shard, options) => {
        const [scoring, { models: own }] = [scorings[shard.scoring]!, opened[shard.scoring]!];
        return scoreQueued(platform, fingerprints, scoring, own, shard, options);
      },
      merge: (name, shards) => merge(platform, fingerprintsFile(storage, out, `shards-${name}`), shards),
      [Symbol.asyncDispose]: close,
    };
  };
}

/** @throws DataError `semi/other-teacher` where another file lies under the name */
async function checkTeacher(
  fingerprints: Fingerprints,
  { teacher }: Scoring,
  signal: AbortSignal,
): Promise<void> {
  const found = await teacherHash(fingerprints, teacher, signal);
  if (found === teacher.sha256) return;
  throw new DataError(
    "semi/other-teacher",
    `${teacher.path}: expected the teacher ${teacher.sha256.slice(0, 8)} that the run was begun with, received ${found.slice(0, 8)}. Make the file that the run was begun with readable here.`,
  );
}

async function scoreQueued(
  platform: SemiPlatform,
  fingerprints: Fingerprints,
  scoring: Scoring,
  models: Models,
  queued: QueuedShard,
  { signal, onImage }: ScoreOptions,
): Promise<ScoredShard> {
  const shard = await readShard({ fingerprints, signal }, queued);
  const { name } = shard;
  const wanted = new Map([[name, scoreOrigin(scoring, shard)]]);
  const standing = (await matchingScores(platform, scoring.folder, wanted)).get(name);
  const facts = standing ?? (await scored());
  return {
    images: facts.images,
    broken: facts.broken.length,
    stood: standing !== undefined,
    fingerprint: "to" in queued ? {} : await fingerprints.kept(queued.path),
  };

  async function scored(): Promise<{ readonly images: number; readonly broken: readonly unknown[] }> {
    const images = await openShard(platform, shard, signal);
    const work = scoreInto(platform, scoring, models, shard, images, signal);
    for (;;) {
      const next = await work.next();
      if (next.done) return next.value;
      onImage();
    }
  }
}

async function merge(
  platform: SemiPlatform,
  store: string,
  shards: readonly ScoredShard[],
): Promise<MergedShards> {
  const kept = shards.map(({ fingerprint }) => fingerprint);
  await writeFingerprints(platform, store, Object.assign({}, ...kept) as KeptFingerprints);
  const sum = (count: (shard: ScoredShard) => number): number =>
    shards.reduce((total, shard) => total + count(shard), 0);
  return {
    shards: shards.length,
    images: sum(({ images }) => images),
    broken: sum(({ broken }) => broken),
    stood: sum(({ stood }) => Number(stood)),
  };
}

/** Models, until their user closes them. */
interface OpenModels {
  readonly models: Models;
  close(): Promise<void>;
}

interface SharedModels {
  open(scoring: Scoring): Promise<OpenModels>;
}

/** Models that are open, by a hash of what they are opened with, for as long as somebody uses them. */
function sharedModels(platform: SemiPlatform, machine: Machine): SharedModels {
  const open = new Map<string, { readonly models: Promise<Models>; users: number }>();
  return {
    async open(scoring) {
      const { teacher, classes, engine, precision, exif } = scoring;
      const { sha256, given, hasNoneClass } = teacher;
      const of = [sha256, given, hasNoneClass, classes, engine, precision, exif];
      const key = await textHash(platform, JSON.stringify(of));
      const shared = open.get(key) ?? { models: openModels(platform, machine, scoring), users: 0 };
      open.set(key, shared);
      shared.users++;
      const close = async (): Promise<void> => {
        if (--shared.users > 0) return;
        open.delete(key);
        await (await shared.models)[Symbol.asyncDispose]();
      };
      try {
        return { models: await shared.models, close };
      } catch (error) {
        if (--shared.users === 0) open.delete(key);
        throw error;
      }
    },
  };
}
