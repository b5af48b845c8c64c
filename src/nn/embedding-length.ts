import { expansion } from "./blocks.ts";
import type { ResNetConfig } from "./config.ts";

/** Numbers in an embedding: the channels of the last stage, 2048 for the card's models. */
export function embeddingLength({ block, width, layers }: ResNetConfig): number {
  return width * 2 ** (layers.length - 1) * expansion[block];
}
