import { resnetConfig } from "ssl-resnext/nn";
import { initialTrainingState, trainingProgram } from "ssl-resnext/train";
import { browserTrainingPlatform as platform, openTrainingStep } from "ssl-resnext/web";
import { expect, it } from "vitest";
import { loaderSuite } from "../../contract/training.ts";
import { hashed } from "../../support/hashed-numbers.ts";

it("is isolated across origins", () => {
  expect(crossOriginIsolated).toBe(true);
});

// The index and the decoded images lie in memory that all workers see.
loaderSuite(platform);

it("takes the same steps with two threads as with one", async () => {
  const config = resnetConfig({ layers: [1, 1], width: 16, stem: "cifar", numClasses: 10 });
  const program = trainingProgram(config, { batchSize: 4, inputSize: 8 });
  const losses: number[] = [];
  for (const threads of [1, 2]) {
    const step = await openTrainingStep(program, { threads, state: initialTrainingState(program) });
    const images = Float32Array.from(hashed(1, 4 * 3 * 64));
    const targets = Float32Array.from({ length: 40 }, (_, i) => Number(i % 11 === 0));
    for (let number = 1; number <= 2; number++) {
      const { loss } = await step.run(
        { images: images.slice(), targets: targets.slice() },
        { learningRate: 0.02, step: number },
      );
      losses.push(loss);
    }
    await step.release();
  }
  expect(losses[1]).not.toBeCloseTo(losses[0]!, 3);
  for (const i of [0, 1]) expect(losses[i + 2]).toBeCloseTo(losses[i]!, 4);
});
