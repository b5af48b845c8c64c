import { contentReader } from "../../data/sources/content-reader.ts";
import { imageWorker } from "../../predict/pipeline/image-worker.ts";
import { answerCalls, nextTurn } from "../answer-calls.ts";
import { decodeImage } from "../images/decode-image.ts";
import { openEngineSession, startOnnxRuntime } from "../ort-session.ts";
import { browserStorageFor } from "../storage/browser-storage.ts";

const reader = contentReader(browserStorageFor);

answerCalls({
  ...imageWorker({
    openSession: openEngineSession,
    read: (item) => reader.read(item),
    decodeImage,
    nextTurn,
  }),
  async prepare() {
    await startOnnxRuntime();
    return { value: undefined };
  },
});
