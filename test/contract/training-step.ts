import { tensor, type StateDict, type Tensor } from "ssl-resnext/core";
import { parametersOf, resnetConfig } from "ssl-resnext/nn";
import type { Device } from "ssl-resnext/runtime";
import {
  adamW,
  initialTrainingState,
  openTrainingStep,
  sgd,
  trainingProgram,
  type StepBatch,
  type TrainingPlatform,
  type TrainingProgram,
  type TrainingProgramOptions,
  type TrainingStep,
  type TrainingStepOptions,
} from "ssl-resnext/train";
import { beforeEach, describe, expect, it } from "vitest";
import { hashed, missed, summaryOf } from "../support/hashed-numbers.ts";
import golden from "./golden/training.json" with { type: "json" };

/** A platform whose workers take training steps, and a device of it. */
export interface StepRuntime {
  readonly platform: Pick<TrainingPlatform, "startThread" | "machine">;
  readonly device: Device;
  /** Channels of the CPU's blocks, for programs that are written for them. */
  readonly blockSize?: number | undefined;
  /** Whether only what depends on the device is tested, in two programs. @default false */
  readonly deviceOnly?: boolean;
  /** Why it cannot be tested here; undefined where it can. */
  readonly missing?: string | undefined;
}

const config = resnetConfig({
  layers: [1, 1],
  width: 16,
  cardinality: 4,
  baseWidth: 16,
  stem: "cifar",
  numClasses: 10,
});

interface Job {
  readonly options: Partial<TrainingProgramOptions>;
  /** @default 0.02 */
  readonly learningRate?: number;
}

/** As test/reference/contract_training.py has them. */
const jobs: Readonly<Record<keyof typeof golden.jobs, Job>> = {
  "Nesterov's momentum": { options: { optimizer: sgd({ nesterov: true }) } },
  "clipped gradients": {
    options: { optimizer: sgd({ decay: "all", weightDecay: 5e-3 }), clipNorm: 0.5 },
  },
  "frozen first layers and statistics": {
    options: { batchNorm: "frozen", trains: (name) => /^(layer2|fc)\./.test(name) },
  },
  "AdamW, and an average of the weights": {
    options: { optimizer: adamW({ weightDecay: 0.05, epsilon: 1e-2 }), emaDecay: 0.9 },
    learningRate: 1e-2,
  },
  "gradients of two micro-batches": { options: { accumulate: 2, batchSize: 2, clipNorm: 1 } },
};

/** The weights that a step begins with. */
const weights: StateDict = new Map(
  parametersOf(config).map(({ name, dims }, index) => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    const values = hashed(index + 1, length);
    const bound = dims.length > 1 ? Math.sqrt(6 / (length / dims[0]!)) : 0.1;
    const centre = dims.length === 1 && /(weight|running_var)$/.test(name) ? 1 : 0;
    return [
      name,
      tensor(
        "float32",
        dims,
        Float32Array.from(values, (value) => centre + bound * value),
      ),
    ];
  }),
);

/** Images and targets of a step: the same ones for the same number. */
function batchOf(number: number, images = 4): StepBatch {
  const seed = 1000 * number;
  const targets = new Float32Array(images * 10);
  for (const [row, value] of hashed(seed + 1, images).entries()) {
    const label = Math.floor(((value + 1) / 2) * 10);
    targets[row * 10 + label]! += 0.75;
    targets[row * 10 + ((label + 1) % 10)]! += 0.25;
  }
  const pixels = hashed(seed, images * 3 * 64);
  return { images: Float32Array.from(pixels, (value) => value * Math.sqrt(3)), targets };
}

async function take(step: TrainingStep, from: number, to: number, learningRate = 0.02): Promise<number[]> {
  const losses = [];
  for (let count = from; count <= to; count++)
    losses.push((await step.run(batchOf(count), { learningRate, step: count })).loss);
  return losses;
}

const asDict = (state: ReadonlyMap<string, Tensor<"float32">>): StateDict =>
  new Map([...state].map(([name, { dims, data }]) => [name, tensor("float32", dims, data)]));

const failure = (name: string, code: string): unknown => expect.objectContaining({ name, code });

/** What training steps do, on every platform and device. */
export function trainingStepSuite(name: string, runtime: StepRuntime): void {
  const { platform, device, blockSize, deviceOnly = false, missing } = runtime;
  const program = (options: Partial<TrainingProgramOptions> = {}): TrainingProgram =>
    trainingProgram(config, { batchSize: 4, inputSize: 8, blockSize, ...options });
  const open = (of: TrainingProgram, options: Partial<TrainingStepOptions> = {}): Promise<TrainingStep> =>
    openTrainingStep(platform, of, { device, state: initialTrainingState(of, { weights }), ...options });

  const lowering = blockSize === undefined ? "" : ", blocked";
  describe(`training steps of ${name} on ${device}${lowering}`, { timeout: 180_000 }, () => {
    beforeEach(({ skip }) => skip(missing !== undefined, missing));

    const compared = Object.entries(jobs).slice(deviceOnly ? -2 : 0);
    it.for(compared)("are PyTorch's: %s", async ([job, { options, learningRate }]) => {
      const expected = golden.jobs[job as keyof typeof jobs];
      await using step = disposable(await open(program(options)));
      const losses = await take(step, 1, expected.losses.length, learningRate);
      const state = await step.state();
      const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - expected.losses[i]!)));
      expect(furthest).toBeLessThan(1e-4);
      const found = Object.fromEntries([...state].map(([each, { data }]) => [each, summaryOf(data)]));
      expect(missed(found, expected.state, 1e-4)).toEqual({});
    });

    it("repeat themselves bit for bit, dropping the same, and go on from a restored state", async () => {
      const of = program({ accumulate: 2, batchSize: 2, dropRate: 0.2, dropPathRate: 0.2 });
      await using step = disposable(await open(of, { seed: 5 }));
      const losses = await take(step, 1, 3);
      for (const [i, loss] of dropped.entries()) expect(losses[i]).toBeCloseTo(loss, 4);
      const three = await step.state();
      const onwards = await take(step, 4, 5);
      expect(await step.state()).not.toEqual(three);
      await step.restore(asDict(three));
      expect(await step.state()).toEqual(three);
      expect(await take(step, 4, 5)).toEqual(onwards);
      await step.restore(initialTrainingState(of, { weights }));
      expect(await take(step, 1, 3)).toEqual(losses);
      expect(await step.state()).toEqual(three);
    });

    if (deviceOnly) return;

    it("leave what is frozen as it is, bit for bit", async () => {
      const { options } = jobs["frozen first layers and statistics"];
      await using step = disposable(await open(program(options)));
      await take(step, 1, 2);
      const changed = [];
      for (const [each, { data }] of await step.state()) {
        const before = (await weights.get(each)?.load())?.data;
        if (before?.some((value, i) => value !== data[i])) changed.push(each);
      }
      expect(changed.length).toBeGreaterThan(5);
      expect(changed.filter((each) => !/^(layer2|fc)\./.test(each) || /running/.test(each))).toEqual([]);
    });

    it("clip the gradients together, and leave short ones as they are", async () => {
      const moved = async (clipNorm: number): Promise<number> => {
        const plain = sgd({ momentum: 0, weightDecay: 0 });
        await using step = disposable(await open(program({ optimizer: plain, clipNorm })));
        await take(step, 1, 1, 1);
        let squares = 0;
        for (const [each, { data }] of await step.state()) {
          if (each.includes("running") || !weights.has(each)) continue;
          const before = (await weights.get(each)!.load()).data as Float32Array;
          for (const [i, value] of before.entries()) squares += (value - data[i]!) ** 2;
        }
        return Math.sqrt(squares);
      };
      expect(await moved(0.125)).toBeCloseTo(0.125, 4);
      const whole = await moved(1e6);
      expect(whole).toBeGreaterThan(0.5);
      expect(await moved(2 * whole)).toBeCloseTo(whole, 5);
    });

    it("keep an average of weights and statistics", async () => {
      await using step = disposable(await open(program({ emaDecay: 0.75 })));
      await take(step, 1, 1);
      const state = await step.state();
      for (const each of ["fc.weight", "bn1.running_mean"]) {
        const before = (await weights.get(each)!.load()).data as Float32Array;
        const { data: now } = state.get(each)!;
        const average = before.map((value, i) => 0.75 * value + 0.25 * now[i]!);
        expect(
          missed(
            { average: summaryOf(state.get(`${each}/ema`)!.data) },
            { average: summaryOf(average) },
            1e-6,
          ),
        ).toEqual({});
        expect(now).not.toEqual(before);
      }
    });

    it("take the memory of their batch and give it back, and copies of their state", async () => {
      const of = program();
      await using step = disposable(await open(of));
      const batch = batchOf(1);
      const { correct, batch: returned } = await step.run(batch, { learningRate: 0.02, step: 1 });
      expect(batch.images.byteLength + batch.targets.byteLength).toBe(0);
      expect(returned).toEqual(batchOf(1));
      expect(correct).toBeLessThanOrEqual(4);
      const first = await step.state();
      expect([...first.keys()]).toEqual(of.state.map((each) => each.name));
      for (const { data } of first.values()) data.fill(NaN);
      for (const { data } of (await step.state()).values()) expect(data).not.toContain(NaN);
    });

    it("train the same whether their gradients are exchanged or not", async () => {
      const of = program({ flatGradients: true, accumulate: 2, batchSize: 2 });
      const lengths: number[] = [];
      await using plain = disposable(await open(of));
      await using exchanging = disposable(
        await open(of, { exchange: (gradients) => Promise.resolve(void lengths.push(gradients.length)) }),
      );
      expect(await take(exchanging, 1, 3)).toEqual(await take(plain, 1, 3));
      expect(await exchanging.state()).toEqual(await plain.state());
      const count = of.carried[0]!.dims[0];
      expect(lengths).toEqual([count, count, count]);
    });

    it("update with what the exchange makes of the gradients; one that fails changes nothing", async () => {
      let exchange = (gradients: Float32Array): void => void gradients.fill(0);
      await using step = disposable(
        await open(program({ flatGradients: true }), {
          exchange: async (gradients) => {
            await Promise.resolve();
            exchange(gradients);
          },
        }),
      );
      await take(step, 1, 1);
      const bias = (await step.state()).get("fc.bias")!.data;
      expect(bias).toEqual((await weights.get("fc.bias")!.load()).data);

      const before = await step.state();
      exchange = () => {
        throw new Error("the other machine is gone");
      };
      await expect(take(step, 2, 2)).rejects.toThrow("the other machine is gone");
      expect(await step.state()).toEqual(before);
    });

    it("refuse a batch of another size and a state of another program, and go on", async () => {
      const of = program();
      const state = initialTrainingState(of, { weights });
      await using step = disposable(await open(of));
      await take(step, 1, 1);
      const before = await step.state();
      const three = step.run(batchOf(2, 3), { learningRate: 0.02, step: 2 });
      await expect(three).rejects.toThrow(failure("UsageError", "train/batch-size"));
      await expect(three).rejects.toThrow("[4, 3, 8, 8]");
      const other = new Map([...state].filter(([each]) => each !== "fc.bias"));
      await expect(step.restore(other)).rejects.toThrow(failure("WeightsError", "weights/mismatch"));
      await expect(open(of, { state: other })).rejects.toThrow("fc.bias");
      const exchange = (): Promise<void> => Promise.resolve();
      await expect(open(of, { exchange })).rejects.toThrow(failure("UsageError", "train/no-flat-gradients"));
      expect(await step.state()).toEqual(before);
      await take(step, 2, 2);
    });

    it("reject what is under way, and what comes later, once they are released", async () => {
      const step = await open(program());
      const pending = [take(step, 1, 1), step.state()].map((call) =>
        expect(call).rejects.toThrow(failure("SessionError", "runtime/released")),
      );
      await Promise.all([...pending, step.release()]);
      await expect(step.state()).rejects.toThrow(failure("SessionError", "runtime/released"));
      await step.release();
    });

    it("are not opened when they are no longer wanted", async () => {
      const signal = AbortSignal.abort(new Error("changed my mind"));
      const of = program();
      const opening = openTrainingStep(platform, of, {
        device,
        signal,
        state: initialTrainingState(of, { weights }),
      });
      await expect(opening).rejects.toThrow("changed my mind");
    });
  });
}

/** Losses of steps that drop features and branches. Origin: onnxruntime-node 1.30 on the CPU. */
const dropped = [2.52422, 2.83025, 2.43912];

const disposable = (step: TrainingStep): TrainingStep & AsyncDisposable =>
  Object.assign(step, { [Symbol.asyncDispose]: () => step.release() });
