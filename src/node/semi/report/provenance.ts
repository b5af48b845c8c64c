import { createHash } from "node:crypto";
import type { Manifest, StageKind } from "../../../semi/index.ts";
import type { Fact } from "../../../train/index.ts";
import { lastManifest, type StandingRun } from "./standing-run.ts";

const shardName = /^\d{6}-/;

/** What a run was made from and what came of it, by hash, and the version that made it. */
export function provenance(run: StandingRun): readonly Fact[] {
  const kinds: readonly StageKind[] = ["weak", "teach", "score", "finetune"];
  const manifests = kinds.flatMap((kind) => lastManifest(run, kind) ?? []);
  const inputs = new Map(manifests.flatMap((manifest) => Object.entries(manifest.inputs).filter(isData)));
  const shards = lastManifest(run, "score");
  const versions = new Set([...run.manifests.values()].map(({ software }) => software));
  return [
    ...[...inputs].map(([name, hash]) => ({ name, value: sha256(hash) })),
    ...(shards ? [{ name: "unlabelled images", value: sha256(shardsHash(shards)) }] : []),
    ...outputFact(run, "select", "selection.parquet"),
    ...outputFact(run, "finetune", "best.safetensors"),
    { name: "software", value: [...versions].join(", ") },
  ];
}

const sha256 = (hash: string): string => `sha256 ${hash}`;

/** Inputs that come from outside of the run and are no shards, of which there may be thousands. */
const isData = ([name]: readonly [string, string]): boolean => name.endsWith(" images");

/** One hash over those of all shards, in their order. */
function shardsHash({ inputs }: Manifest): string {
  const hashes = Object.entries(inputs)
    .filter(([name]) => shardName.test(name))
    .map(([, hash]) => hash);
  return createHash("sha256").update(hashes.join("\n")).digest("hex");
}

function outputFact(run: StandingRun, kind: StageKind, file: string): readonly Fact[] {
  const hash = lastManifest(run, kind)?.outputs[file];
  return hash === undefined ? [] : [{ name: file, value: sha256(hash) }];
}
