import { UsageError } from "../core/index.ts";
import type { Device } from "./engine.ts";

/** What is known of the machine and the job before the first image is read. */
export interface ExecutionConditions {
  /** Cores that this process may use. */
  readonly cores: number;
  /** Bytes of the model's weights in memory. */
  readonly modelBytes: number;
  /** Height and width of the images that the model sees. */
  readonly inputSize: number;
  /** Bytes that this process may still allocate. */
  readonly freeMemory: number;
  readonly device: Device;
  /** How many images will come, when that is known. */
  readonly images?: number;
}

/** How a job is laid out: each worker holds a session of its own and runs the whole pipeline. */
export interface ExecutionPlan {
  readonly workers: number;
  readonly threadsPerWorker: number;
  readonly batchSize: number;
  /** One sentence that says why. */
  readonly reason: string;
}

/** The parts of a plan that a caller may fix, and limits of it; the rest is planned around them. */
export type PlanOverrides = {
  readonly [K in "workers" | "threadsPerWorker" | "batchSize" | "maxCores" | "maxWorkers"]?:
    number | undefined;
};

/** Sessions share the mapped weights and add 0.4 of their own (measured); without blocked kernels it is 1.9. */
const memoryPerWeightByte = 1;
/** A worker thread and the photographs that it decodes ahead. */
const memoryPerWorker = 100e6;
/** Activations for each pixel that the model sees (measured: 380 for ResNeXt-50 32x4d, 1000 for 101 32x16d). */
const activationBytesPerPixel = 1000;
/** Copies of the weights never take more than this together, however large the machine is. */
const memoryCeiling = 8e9;
/** Opening one more session has to pay: below this many images a worker it does not. */
const imagesPerWorker = 8;
/** A few photographs at a time read each weight from memory once: 2-4 % faster than one at 224 pixels. */
const cpuBatchSize = 4;
/** Activations of larger ones leave the cache, which costs more. */
const largestBatched = 288;
/** Batches that each worker should get at least; fewer images are handed out one at a time, to keep all busy. */
const batchesPerWorker = 8;
const gpuBatchSize = 16;

/**
 * Chooses how many workers share the machine, and how many threads and images each takes at a time.
 *
 * On the CPU, one worker per core with a one-thread session has the highest throughput, because no core
 * waits for another; a few images, or a model of which only few copies fit, get fewer workers with more
 * threads each.
 *
 * @throws UsageError `runtime/invalid-plan` for an override that is no positive integer or exceeds the cores.
 */
export function planExecution(machine: ExecutionConditions, overrides: PlanOverrides = {}): ExecutionPlan {
  const { maxCores = Infinity, maxWorkers = Infinity } = overrides;
  const conditions = { ...machine, cores: Math.min(machine.cores, maxCores) };
  checkOverrides(conditions, overrides);
  if (conditions.device !== "cpu") return gpuPlan(conditions, overrides);

  const cores = Math.max(1, Math.floor(conditions.cores));
  const manyImages = (conditions.images ?? Infinity) >= cores * cpuBatchSize * batchesPerWorker;
  const batches = manyImages && conditions.inputSize <= largestBatched;
  const batchSize = overrides.batchSize ?? (batches ? cpuBatchSize : 1);
  const memoryEach = memoryOfWorker(conditions, batchSize);
  const memory = Math.min(conditions.freeMemory / 2, memoryCeiling);
  const limits = [
    { workers: maxWorkers, because: "no more sessions were asked for" },
    { workers: cores, because: "one session for each core has the highest throughput" },
    {
      workers: Math.max(1, Math.floor(memory / memoryEach)),
      because: `each session takes about ${gigabytes(memoryEach)} GB of the ${gigabytes(memory)} GB that may be used`,
    },
    {
      workers: Math.max(1, Math.floor((conditions.images ?? Infinity) / imagesPerWorker)),
      because: `${count(conditions.images ?? 0, "image")} would not repay the opening of more sessions`,
    },
  ];
  const limit = limits.reduce((least, next) => (next.workers < least.workers ? next : least));
  const spare = Math.floor(cores / (overrides.threadsPerWorker ?? 1));
  const workers = overrides.workers ?? evenShare(Math.min(limit.workers, Math.max(1, spare)), cores);
  const threadsPerWorker = overrides.threadsPerWorker ?? Math.max(1, Math.floor(cores / workers));
  return describe({ workers, threadsPerWorker, batchSize }, overrides, {
    place: count(cores, "core"),
    because: limit.because,
  });
}

function gpuPlan({ device, images, cores }: ExecutionConditions, overrides: PlanOverrides): ExecutionPlan {
  const batchSize = overrides.batchSize ?? Math.min(gpuBatchSize, Math.max(1, images ?? gpuBatchSize));
  const workers = overrides.workers ?? 1;
  const threadsPerWorker = overrides.threadsPerWorker ?? Math.max(1, Math.floor(cores / workers));
  return describe({ workers, threadsPerWorker, batchSize }, overrides, {
    place: device,
    because: "one session keeps the device busy and its memory holds the weights once",
  });
}

function memoryOfWorker({ modelBytes, inputSize }: ExecutionConditions, batchSize: number): number {
  const activations = activationBytesPerPixel * inputSize ** 2 * batchSize;
  return modelBytes * memoryPerWeightByte + memoryPerWorker + activations;
}

/** The number of workers up to `most` that leaves the fewest cores idle; of several, the largest. */
function evenShare(most: number, cores: number): number {
  const used = (workers: number): number => workers * Math.floor(cores / workers);
  let best = most;
  for (let workers = most; workers >= 1; workers--) if (used(workers) > used(best)) best = workers;
  return best;
}

function checkOverrides({ cores, device }: ExecutionConditions, overrides: PlanOverrides): void {
  for (const [name, value] of Object.entries(overrides)) {
    if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
      throw new UsageError("runtime/invalid-plan", `${name} must be a positive integer; it is ${value}.`);
    }
  }
  const { workers = 1, threadsPerWorker = 1 } = overrides;
  if (device === "cpu" && workers * threadsPerWorker > cores) {
    throw new UsageError(
      "runtime/invalid-plan",
      `${count(workers, "worker")} with ${count(threadsPerWorker, "thread")} each need ${workers * threadsPerWorker} cores; ` +
        `this process may use ${cores}. Lower one of them.`,
    );
  }
}

function describe(
  plan: Omit<ExecutionPlan, "reason">,
  overrides: PlanOverrides,
  why: { readonly place: string; readonly because: string },
): ExecutionPlan {
  const layout =
    `${count(plan.workers, "worker")} with ${count(plan.threadsPerWorker, "thread")} each, ` +
    `batch ${plan.batchSize}, on ${why.place}`;
  const asked = Object.entries(overrides).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const reason = asked.length > 0 ? `as asked for (${asked.join(", ")})` : why.because;
  return { ...plan, reason: `${layout}: ${reason}.` };
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
