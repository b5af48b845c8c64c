import type { Manifest, StageCost, StageKind } from "../../../semi/index.ts";
import type { StandingRun } from "./standing-run.ts";

const names: Readonly<Record<StageKind, string>> = {
  weak: "teach on weak labels",
  teach: "teach",
  score: "score",
  select: "select",
  pretrain: "pre-train",
  finetune: "fine-tune",
  supervised: "supervised",
  measure: "measure",
};

/** What the stages of all runs took, those of a kind together. */
export function costs(runs: readonly StandingRun[]): readonly StageCost[] {
  const kinds = new Map<StageKind, Map<string, Manifest>>();
  for (const { stages, manifests } of runs) {
    for (const { kind, folder } of stages) {
      const ofKind = kinds.get(kind) ?? new Map<string, Manifest>();
      const manifest = manifests.get(folder);
      if (manifest) kinds.set(kind, ofKind.set(folder, manifest));
    }
  }
  return [...kinds].map(([kind, manifests]) => {
    const done = [...manifests.values()];
    return {
      name: done.length === 1 ? names[kind] : `${names[kind]}, ${done.length} times`,
      images: kind === "select" || kind === "measure" ? undefined : sum(done.map(imagesOf)),
      seconds: sum(done.map(({ seconds }) => seconds)),
    };
  });
}

/** Images that went through a training or a scoring. */
const imagesOf = ({ counts }: Manifest): number =>
  counts["imagesProcessed"] ?? counts["images"]! + counts["broken"]!;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
