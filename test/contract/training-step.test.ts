import { existsSync } from "node:fs";
import { nodeTrainingPlatform } from "ssl-resnext/node";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { answerCallsOn, threadOver, type Reply, type Request } from "../../src/runtime/thread-calls.ts";
import type { Thread } from "../../src/runtime/platform.ts";
import { stepWorker } from "../../src/train/step/step-worker.ts";
import { openOnnxRuntime } from "../../src/web/ort-session.ts";
import { trainingStepSuite } from "./training-step.ts";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
// Dawn reads it from the process's environment when the first WebGPU session opens.
process.env["VK_ICD_FILENAMES"] ??= swiftShader;

const platform = nodeTrainingPlatform;
const blockSize = await cpuBlockSize("training");

trainingStepSuite("onnxruntime-node", { platform, device: "cpu" });
trainingStepSuite("onnxruntime-node", {
  platform,
  device: "cpu",
  blockSize,
  deviceOnly: true,
  missing: blockSize === undefined ? "this machine has no blocked kernels" : undefined,
});
trainingStepSuite("onnxruntime-node", {
  platform,
  device: "webgpu",
  deviceOnly: true,
  missing: existsSync(swiftShader) ? undefined : `${swiftShader} is not installed`,
});
trainingStepSuite("onnxruntime-web in Node", {
  platform: { machine: platform.machine, startThread: wasmThread },
  device: "cpu",
});

/** The worker of a page behind a channel, in this thread: Node has no workers of the web. */
function wasmThread(): Thread {
  const { port1, port2 } = new MessageChannel();
  answerCallsOn(
    {
      post: (reply, transfer) => port2.postMessage(reply, [...transfer] as never),
      listen(answer) {
        port2.addEventListener("message", ({ data }: MessageEvent<Request>) => answer(data));
        port2.start();
      },
      end: () => port2.close(),
    },
    stepWorker({ openRuntime: openOnnxRuntime, writesInto: false }),
  );
  return threadOver({
    post: (request, transfer) => port1.postMessage(request, [...transfer] as never),
    listen({ reply }) {
      port1.addEventListener("message", ({ data }: MessageEvent<Reply>) => reply(data));
      port1.start();
    },
    ended: () => Promise.resolve(),
  });
}
