import { contentReader } from "../../data/sources/content-reader.ts";
import { imageWorker } from "../../predict/pipeline/image-worker.ts";
import type { OnnxRuntime } from "../../runtime/onnx-runtime.ts";
import { decodeImage } from "../images/decode-image.ts";
import { openInferenceSession } from "../ort-session.ts";
import { browserStorageFor } from "../storage/browser-storage.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

const reader = contentReader(browserStorageFor);
let opened: OnnxRuntime | undefined;

answerCalls(
  imageWorker({
    runtime: {
      // The device decides which build it is.
      get Tensor() {
        return opened!.Tensor;
      },
    },
    async openSession(request) {
      const { onnxRuntime, session } = await openInferenceSession({ ...request, threads: 1 });
      opened = onnxRuntime;
      return session;
    },
    read: (item) => reader.read(item),
    decodeImage,
    nextTurn,
  }),
);
