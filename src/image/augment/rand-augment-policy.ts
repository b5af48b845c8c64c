import { UsageError } from "../../core/index.ts";

/** A RandAugment policy as timm's configuration strings describe it. */
export interface RandAugmentPolicy {
  /** Strength, usually 0 to 10. */
  readonly magnitude: number;
  /** Standard deviation of the strength; Infinity draws it uniformly between 0 and `magnitude`. */
  readonly magnitudeStd: number;
  /** Largest strength. */
  readonly magnitudeMax: number;
  /** Number of operations per image. */
  readonly layers: number;
  /** Uses operations whose effect grows with the strength throughout. */
  readonly increasing: boolean;
  /** Prefers some operations by timm's weights, and takes each at most once. */
  readonly weighted: boolean;
}

const defaults: RandAugmentPolicy = {
  magnitude: 10,
  magnitudeStd: 0,
  magnitudeMax: 10,
  layers: 2,
  increasing: false,
  weighted: false,
};

type Section = (value: number) => Partial<RandAugmentPolicy>;

const sections: Readonly<Record<string, Section>> = {
  m: (magnitude) => ({ magnitude }),
  n: (layers) => ({ layers }),
  mstd: (std) => ({ magnitudeStd: std > 100 ? Infinity : std }),
  mmax: (magnitudeMax) => ({ magnitudeMax }),
  inc: (increasing) => ({ increasing: increasing !== 0 }),
  w: () => ({ weighted: true }),
};

/**
 * Reads a configuration string such as `rand-m9-mstd0.5-inc1`.
 *
 * Sections: `m` magnitude (10), `n` operations per image (2), `mstd` standard deviation of the magnitude (0; above
 * 100: uniform), `mmax` largest magnitude (10), `inc1` increasing operations, `w0` timm's weights.
 *
 * @returns A text that says what is wrong, for a string that is not such a configuration.
 */
export function parseRandAugment(config: string): RandAugmentPolicy | string {
  const [name, ...parts] = config.split("-");
  if (name !== "rand")
    return `expected a configuration that begins with "rand", such as rand-m9-mstd0.5-inc1`;
  let policy = defaults;
  for (const part of parts) {
    const [, key = "", value = ""] = /^([a-z]+)(\d+(?:\.\d+)?)$/.exec(part) ?? [];
    const section = Object.hasOwn(sections, key) ? sections[key] : undefined;
    if (!section) {
      return `"${part}" is no section; expected ${Object.keys(sections).join(", ")} with a number behind`;
    }
    policy = { ...policy, ...section(Number(value)) };
  }
  if (!Number.isInteger(policy.layers)) return `n must be a whole number; got ${policy.layers}`;
  if (policy.weighted && policy.increasing) return "w0 has weights for the operations without inc1 only";
  return policy;
}

/**
 * The policy of a configuration string.
 *
 * @throws UsageError `augment/rand-augment` for a string that is not one.
 */
export function randAugmentPolicy(config: string): RandAugmentPolicy {
  const policy = parseRandAugment(config);
  if (typeof policy !== "string") return policy;
  throw new UsageError("augment/rand-augment", `The RandAugment configuration "${config}": ${policy}.`);
}
