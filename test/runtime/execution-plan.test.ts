import { assert, integer, option, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { planExecution, type ExecutionConditions } from "../../src/runtime/index.ts";

const resnext50 = 100e6;
const resnext101x16 = 776e6;
const laptop: ExecutionConditions = {
  cores: 2,
  modelBytes: resnext50,
  inputSize: 224,
  freeMemory: 16e9,
  device: "cpu",
};

describe("planExecution", () => {
  it("gives each core a one-thread session when the model is small", () => {
    expect(planExecution(laptop)).toMatchObject({ workers: 2, threadsPerWorker: 1, batchSize: 4 });
    expect(planExecution({ ...laptop, cores: 16, freeMemory: 64e9 })).toMatchObject({
      workers: 16,
      threadsPerWorker: 1,
    });
  });

  it("opens few sessions of a big model, and leaves no core idle", () => {
    const plan = planExecution({ ...laptop, cores: 16, modelBytes: resnext101x16, freeMemory: 128e9 });
    expect(plan).toMatchObject({ workers: 4, threadsPerWorker: 4 });
    expect(plan.reason).toBe(
      "4 workers with 4 threads each, batch 4, on 16 cores: each session takes about 1.1 GB of the 8.0 GB that may be used.",
    );
  });

  it("keeps to one session where memory is short", () => {
    const plan = planExecution({ ...laptop, modelBytes: resnext101x16, freeMemory: 2e9 });
    expect(plan).toMatchObject({ workers: 1, threadsPerWorker: 2 });
  });

  it("opens fewer sessions the more pixels each takes at a time", () => {
    const server = { ...laptop, cores: 16, freeMemory: 64e9 };
    const workers = (inputSize: number, batchSize?: number): number =>
      planExecution({ ...server, inputSize }, batchSize ? { batchSize } : {}).workers;
    expect([224, 640, 1024, 4096].map((inputSize) => workers(inputSize))).toEqual([16, 8, 4, 1]);
    // As many pixels, as many sessions.
    expect(workers(224, 64)).toBe(workers(8 * 224));
    expect(planExecution({ ...server, inputSize: 4096 }).reason).toContain("each session takes about");
  });

  it("takes photographs one at a time when they are few or large", () => {
    expect(planExecution({ ...laptop, images: 63 }).batchSize).toBe(1);
    expect(planExecution({ ...laptop, images: 64 }).batchSize).toBe(4);
    expect(planExecution({ ...laptop, inputSize: 448 }).batchSize).toBe(1);
  });

  it("gives one image every core", () => {
    const plan = planExecution({ ...laptop, cores: 8, images: 1 });
    expect(plan).toMatchObject({ workers: 1, threadsPerWorker: 8 });
    expect(plan.reason).toContain("1 image would not repay");
  });

  it("keeps one session on a GPU, with batches no larger than the job", () => {
    expect(planExecution({ ...laptop, device: "webgpu" })).toMatchObject({ workers: 1, batchSize: 16 });
    expect(planExecution({ ...laptop, device: "webgpu", images: 3 })).toMatchObject({ batchSize: 3 });
  });

  it("plans around what the caller fixes", () => {
    expect(planExecution({ ...laptop, cores: 8 }, { threadsPerWorker: 4 })).toMatchObject({ workers: 2 });
    expect(planExecution({ ...laptop, cores: 8 }, { workers: 2 })).toMatchObject({ threadsPerWorker: 4 });
    expect(planExecution(laptop, { batchSize: 4 }).reason).toContain("as asked for (batchSize)");
    expect(planExecution(laptop, { workers: undefined })).toEqual(planExecution(laptop));
  });

  it("keeps to limits, which may be more than there is", () => {
    const server = { ...laptop, cores: 8 };
    expect(planExecution(server, { maxCores: 3 })).toMatchObject({ workers: 3, threadsPerWorker: 1 });
    expect(planExecution(server, { maxWorkers: 2 })).toMatchObject({ workers: 2, threadsPerWorker: 4 });
    expect(planExecution(server, { maxWorkers: 1, maxCores: 3 })).toMatchObject({ threadsPerWorker: 3 });
    expect(planExecution(server, { maxWorkers: 99, maxCores: 99 })).toMatchObject({ workers: 8 });
    expect(planExecution({ ...server, device: "webgpu" }, { maxWorkers: 4 })).toMatchObject({ workers: 1 });
  });

  it.each([
    { workers: 0 },
    { threadsPerWorker: 1.5 },
    { batchSize: -1 },
    { workers: 3 },
    { batchSize: NaN },
    { maxCores: 0 },
  ])("refuses %o on two cores", (overrides) => {
    expect(() => planExecution(laptop, overrides)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "runtime/invalid-plan" }),
    );
  });

  it("never exceeds the cores, and never idles half of them", () => {
    assert(
      property(
        record({
          cores: integer({ min: 1, max: 256 }),
          modelBytes: integer({ min: 1, max: 2 ** 31 }),
          inputSize: integer({ min: 1, max: 4096 }),
          freeMemory: integer({ min: 0, max: 2 ** 40 }),
          images: option(integer({ min: 0, max: 1e6 })),
        }),
        ({ images, ...rest }) => {
          const plan = planExecution({ ...rest, device: "cpu", ...(images === null ? {} : { images }) });
          const used = plan.workers * plan.threadsPerWorker;
          expect(used).toBeLessThanOrEqual(rest.cores);
          expect(used * 2).toBeGreaterThan(rest.cores - 1);
        },
      ),
    );
  });
});
