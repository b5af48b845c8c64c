import { contentReader } from "../../data/sources/content-reader.ts";
import { crop } from "../../image/augment/geometric-transforms.ts";
import { batchWorker } from "../../train/loader/batch-worker.ts";
import { answerCalls, nextTurn } from "../answer-calls.ts";
import { decodeImage } from "../images/decode-image.ts";
import { browserStorageFor } from "../storage/browser-storage.ts";

const reader = contentReader(browserStorageFor);

answerCalls(
  batchWorker({
    read: (item) => reader.read(item),
    decodeImage,
    // The decoders know no parts.
    async decodePart(bytes, choose, options) {
      const image = await decodeImage(bytes, options);
      return crop(image, choose(image));
    },
    nextTurn,
  }),
);
