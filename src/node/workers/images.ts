import { contentReader } from "../../data/sources/content-reader.ts";
import { imageWorker } from "../../predict/pipeline/image-worker.ts";
import { openEngineSession } from "../engines/open-session.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { decodeImage } from "../images/decode-image.ts";
import { loadSharp } from "../images/load-sharp.ts";
import type { BlockSizeCheck } from "../engines/onnxruntime/block-size.ts";
import { findBlockSize } from "../engines/onnxruntime/find-block-size.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

// Photographs are the unit of parallel work; libvips' own threads would only compete with the sessions, and
// its cache would keep images that are never asked for again. Both settings hold for the whole process.
const sharp = loadSharp();
sharp.concurrency(1);
sharp.cache(false);

const reader = contentReader(nodeStorageFor);

answerCalls({
  ...imageWorker({
    openSession: openEngineSession,
    read: (item) => reader.read(item),
    decodeImage,
    nextTurn,
  }),
  blockSize: async (checks: readonly BlockSizeCheck[]) => ({ value: await findBlockSize(checks) }),
});
