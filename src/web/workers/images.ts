import { contentReader } from "../../data/sources/content-reader.ts";
import { imageWorker } from "../../predict/pipeline/image-worker.ts";
import { decodeImage } from "../images/decode-image.ts";
import { browserStorageFor } from "../storage/browser-storage.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";
import { deviceRuntime } from "../threads/device-runtime.ts";

const reader = contentReader(browserStorageFor);

answerCalls(imageWorker({ ...deviceRuntime(), read: (item) => reader.read(item), decodeImage, nextTurn }));
