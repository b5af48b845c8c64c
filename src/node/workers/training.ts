import { contentReader } from "../../data/sources/content-reader.ts";
import { batchWorker } from "../../train/loader/batch-worker.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { decodeImage, decodePart } from "../images/decode-image.ts";
import { loadSharp } from "../images/load-sharp.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

// As in the worker that runs models: images are the unit of parallel work. Both settings hold for the whole process.
const sharp = loadSharp();
sharp.concurrency(1);
sharp.cache(false);

const reader = contentReader(nodeStorageFor);

answerCalls(batchWorker({ read: (item) => reader.read(item), decodeImage, decodePart, nextTurn }));
