import { stepWorker } from "../../train/step/step-worker.ts";
import { runtimeOn } from "../engines/onnxruntime/onnx-runtime.ts";
import { answerCalls } from "../threads/answer-calls.ts";

answerCalls(
  stepWorker({
    writesInto: true,
    openRuntime: (device, threads) =>
      Promise.resolve({
        onnxRuntime: runtimeOn(device),
        options: {
          executionProviders: [device],
          intraOpNumThreads: threads,
          graphOptimizationLevel: "all",
          // Planning memory ahead takes half as much again for a training graph.
          enableMemPattern: false,
          logSeverityLevel: 4,
        },
      }),
  }),
);
