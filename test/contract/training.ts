import { readText } from "ssl-resnext/storage";
import {
  defaultMixing,
  type ImageItem,
  type ImageSource,
  type TrainingLoaderOptions,
} from "ssl-resnext/data";
import { modelBytes } from "ssl-resnext/graph";
import { defaultAugmentation } from "ssl-resnext/image";
import { exportSafetensors, modelOf, openModel } from "ssl-resnext/predict";
import {
  fitHead,
  headGraph,
  headObjective,
  openTrainingLoader,
  trainHead,
  trainModel,
  type Examples,
  type HeadEvent,
  type TrainingEvent,
  type TrainingPlatform,
  type TrainModelOptions,
} from "ssl-resnext/train";
import { beforeAll, describe, expect, it } from "vitest";
import { hashed, missed, summaryOf, type Summary } from "../support/hashed-numbers.ts";
import { colouredSource, colours, pixmap } from "../support/portable-images.ts";
import { smallNetwork } from "../support/small-network.ts";
import stated from "./golden/training-node.json" with { type: "json" };
import golden from "./golden/training.json" with { type: "json" };

/** What training does besides its steps, on every platform. */
export function trainingSuite(name: string, platform: TrainingPlatform): void {
  describe(`training of ${name}`, { timeout: 180_000 }, () => {
    loaderSuite(platform);
    heads(platform);
    runs(platform);
  });
}

const released = expect.objectContaining({ name: "SessionError", code: "runtime/released" });

/** Noise of 40x30 pixels in three classes; every second image in a Blob, and one of them broken if asked for. */
function noise(count: number, broken?: number): ImageSource {
  return {
    classes: ["ant", "bee", "cow"],
    size: count,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (let i = 0; i < count; i++) {
        const values = hashed(i + 1, 40 * 30 * 3);
        const whole = pixmap(40, 30, (at) => Math.floor((values[at]! + 1) * 128));
        const bytes = i === broken ? whole.slice(0, 200) : whole;
        const content = i % 2 ? { blob: new Blob([bytes]) } : { bytes };
        yield { id: `noise/${i}.ppm`, label: ["ant", "bee", "cow"][i % 3]!, content };
      }
    },
  };
}

/** How images become batches. */
export function loaderSuite(platform: TrainingPlatform): void {
  const options: TrainingLoaderOptions = {
    batchSize: 8,
    seed: 3,
    workers: 2,
    preprocessing: { inputSize: 16, mean: [0.5, 0.4, 0.3], std: [0.25, 0.3, 0.35] },
    augmentation: {
      ...defaultAugmentation,
      autoAugment: "rand-m9-mstd0.5-inc1",
      reProb: 0.5,
      reMode: "pixel",
    },
    mixing: { ...defaultMixing, mixup: 0.2, cutmix: 1 },
  };
  const madeWith = async (changes: Partial<TrainingLoaderOptions>): Promise<Record<string, Summary>> => {
    const loader = await openTrainingLoader(platform, noise(24), { ...options, ...changes });
    try {
      expect([loader.classes, loader.images, loader.batchesPerEpoch]).toEqual([["ant", "bee", "cow"], 24, 3]);
      const found: Record<string, Summary> = {};
      for (const [epoch, fromBatch] of [
        [0, 0],
        [1, 1],
      ] as const) {
        for await (const batch of loader.epoch(epoch, { fromBatch })) {
          expect(batch).toMatchObject({ epoch, size: 8, skipped: [] });
          found[`${epoch}/${batch.batch}/images`] = summaryOf(batch.images);
          found[`${epoch}/${batch.batch}/targets`] = summaryOf(batch.targets);
          loader.recycle(batch);
          expect(batch.images.byteLength).toBe(0);
        }
      }
      return found;
    } finally {
      await loader.close();
      await loader.close();
    }
  };

  it.each([
    ["one worker", { workers: 1 }],
    ["two workers", {}],
    ["nothing kept in memory", { cacheBytes: 0 }],
  ])("makes the batches that every platform makes, with %s", async (_, changes) => {
    expect(missed(await madeWith(changes), stated.batches, 1e-5)).toEqual({});
  });

  it("puts another image into the place of a broken one, or fails", async () => {
    const skipping = await openTrainingLoader(platform, noise(24, 5), options);
    const skipped = [];
    for await (const batch of skipping.epoch(0)) skipped.push(...batch.skipped);
    await skipping.close();
    expect(skipped).toMatchObject([{ id: "noise/5.ppm", error: { name: "ImageError" } }]);

    const failing = await openTrainingLoader(platform, noise(24, 5), { ...options, onBrokenImage: "fail" });
    const epoch = (async () => {
      for await (const _ of failing.epoch(0));
    })();
    await expect(epoch).rejects.toMatchObject({ name: "DataError", code: "data/broken-image" });
    await failing.close();
  });

  it("ends an epoch on an abort, and all of them when it is closed", async () => {
    const loader = await openTrainingLoader(platform, noise(24), options);
    const controller = new AbortController();
    const aborted = loader.epoch(0, { signal: controller.signal });
    await aborted.next();
    controller.abort(new Error("enough"));
    await expect(aborted.next()).rejects.toThrow("enough");
    const epoch = loader.epoch(0);
    await epoch.next();
    await Promise.all([expect(epoch.next()).rejects.toThrow(released), loader.close()]);
    await expect(loader.epoch(1).next()).rejects.toThrow(released);
  });
}

/** As test/reference/contract_training.py has them. */
function examples(): Examples {
  const [rows, length, numClasses] = [240, 20, 4];
  const sizes = [0.01, 0.1, 1, 10, 100];
  const labels = Int32Array.from({ length: rows }, (_, row) => row % numClasses);
  const features = Float32Array.from(hashed(7, rows * length), (value, at) => {
    const [row, j] = [Math.floor(at / length), at % length];
    return (value + (j % numClasses === labels[row] ? 0.8 : 0)) * sizes[j % 5]!;
  });
  return { rows, length, numClasses, features, labels };
}

/** The same with features of mean 0 and standard deviation 1. */
function standardised(given: Examples): Examples {
  const { rows, length, features } = given;
  const column = (j: number): number[] =>
    Array.from({ length: rows }, (_, row) => features[row * length + j]!);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / rows;
  const statistics = Array.from({ length }, (_, j) => {
    const centre = mean(column(j));
    return [centre, Math.sqrt(mean(column(j).map((value) => (value - centre) ** 2)))] as const;
  });
  return {
    ...given,
    features: features.map(
      (value, at) => (value - statistics[at % length]![0]) / statistics[at % length]![1],
    ),
  };
}

function heads(platform: TrainingPlatform): void {
  it("fits a head as PyTorch does", async () => {
    const given = standardised(examples());
    const { rows, length, numClasses, features } = given;
    const session = await platform.createSession(await modelBytes(headGraph(given)));
    const folds = new Int32Array(rows).fill(-1);
    const fitting = fitHead(headObjective(session, given, 1), given, { strengths: [0.1], folds });
    const { value: fit } = await fitting.next();
    await session.release();
    if (!fit || !("parameters" in fit)) throw new Error("The fit was not its only result.");
    const { parameters, loss } = fit;
    const weight = parameters.subarray(0, length * numClasses);
    const penalised = loss + 0.05 * weight.reduce((sum, each) => sum + each * each, 0);
    expect(penalised).toBeGreaterThan(golden.fit.penalised * (1 - 1e-6));
    expect(penalised).toBeLessThan(golden.fit.penalised * (1 + 1e-4));
    for (const [k, expected] of golden.fit.logits.entries()) {
      const logit = features
        .subarray(0, length)
        .reduce((sum, value, j) => sum + value * weight[j * numClasses + k]!, parameters[weight.length + k]!);
      expect(logit).toBeCloseTo(expected, 1);
    }
  });

  it("trains a head on embeddings, which it keeps", async () => {
    const cache = `memory:${crypto.randomUUID()}`;
    const embedded: number[] = [];
    for (let round = 0; round < 2; round++) {
      const source = smallNetwork({ classes: colours });
      const images = colouredSource(12);
      const training = trainHead(platform, source, images, { classes: colours, cache });
      const events: HeadEvent[] = [];
      let next = await training.next();
      for (; !next.done; next = await training.next()) events.push(next.value);
      embedded.push(...events.flatMap((event) => (event.type === "embedded" ? [event.cached] : [])));
      expect(events.at(-1)).toMatchObject({ type: "fitted", l2: stated.head.l2, top1: 100 });
      const { loss } = events.at(-1) as Extract<HeadEvent, { type: "fitted" }>;
      // Colours that are told apart without doubt.
      expect(loss).toBeLessThan(1e-3);
      const model = await modelOf(platform, next.value);
      expect(await model.validate(images)).toMatchObject({ count: 36, failed: 0, top1: 100 });
      await model.release();
    }
    expect(embedded).toEqual([0, 36]);
  });
}

type Run = Pick<TrainModelOptions, "out" | "resume" | "signal">;

function runs(platform: TrainingPlatform): void {
  const weights = `memory:${crypto.randomUUID()}.safetensors`;
  const train = (run: Run): AsyncGenerator<TrainingEvent> =>
    trainModel(platform, {
      data: { name: "colours", images: colouredSource(8) },
      weights,
      recipe: { base: "quick", epochs: 2, batchSize: 6, validationShare: 0.25, learningRate: 0.05 },
      workers: 2,
      ...run,
    });
  const newFolder = (): string => `memory:${crypto.randomUUID()}`;
  const lossesOf = (events: readonly TrainingEvent[]): readonly number[] =>
    events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
  const tensorsOf = async (path: string): Promise<Record<string, Summary>> => {
    const source = await openModel(platform, path);
    return source.withWeights(async (tensors) => {
      const found: Record<string, Summary> = {};
      for (const [each, tensor] of tensors)
        found[each] = summaryOf((await tensor.load()).data as Float32Array);
      return found;
    });
  };

  beforeAll(async () => {
    const network = smallNetwork({ inputSize: 16, stem: "cifar" });
    await exportSafetensors(platform, network, weights);
  });

  it("trains a network to the weights that every platform reaches", async () => {
    const out = newFolder();
    const events: TrainingEvent[] = [];
    for await (const event of train({ out })) events.push(event);
    expect(events[0]).toMatchObject({
      type: "started",
      classes: colours,
      trainingImages: 18,
      validationImages: 6,
      plan: { steps: 6, epochs: 2 },
    });
    const losses = lossesOf(events);
    expect(losses).toHaveLength(6);
    for (const [i, loss] of stated.run.losses.entries())
      expect(Math.abs(loss - losses[i]!)).toBeLessThan(1e-4);
    expect(missed(await tensorsOf(`${out}/last.safetensors`), stated.run.weights, 1e-4)).toEqual({});
    expect(events.at(-1)).toMatchObject({ type: "finished", folder: out });

    const storage = platform.storageFor(out);
    const names: string[] = [];
    for await (const { name } of storage.list(out)) names.push(name);
    expect(names.toSorted()).toEqual([
      "best.safetensors",
      "confidence.json",
      "last.safetensors",
      "metrics.jsonl",
      "recipe.yaml",
      "report.html",
      "summary.csv",
    ]);
    expect(await readText(storage, `${out}/report.html`)).toContain("data:image/jpeg;base64,");
  });

  it("ends the same when it was stopped and goes on", async () => {
    const once = newFolder();
    const events: TrainingEvent[] = [];
    for await (const event of train({ out: once })) events.push(event);

    const out = newFolder();
    const controller = new AbortController();
    const stopped: TrainingEvent[] = [];
    for await (const event of train({ out, signal: controller.signal })) {
      stopped.push(event);
      if (event.type === "step" && event.step === 4) controller.abort();
    }
    expect(stopped.at(-1)).toMatchObject({ type: "stopped" });
    for await (const event of train({ out, resume: true })) stopped.push(event);
    expect(lossesOf(stopped)).toEqual(lossesOf(events));
    expect(await tensorsOf(`${out}/last.safetensors`)).toEqual(await tensorsOf(`${once}/last.safetensors`));
  });

  it("refuses a folder that holds a run", async () => {
    const out = newFolder();
    for await (const { type } of train({ out })) if (type === "checkpoint") break;
    await expect(train({ out }).next()).rejects.toMatchObject({
      name: "UsageError",
      code: "train/out-exists",
    });
  });
}
