import { describe, expect, it } from "vitest";
import { countParameters, layerTable, modelCards, modelConfig, resnetConfig } from "../../src/nn/index.ts";

describe("layer table", () => {
  it.each(modelCards.map((card) => [card.name, card] as const))("%s adds up to its card", (name, card) => {
    const layers = layerTable(modelConfig(name));
    expect(layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0)).toBe(card.multiplyAdds);
    expect(layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(card.parameters);
    expect(countParameters(modelConfig(name))).toBe(card.parameters);
  });

  it("says what a grouped convolution with stride is", () => {
    const layers = layerTable(modelConfig("ssl_resnext50_32x4d"));
    expect(layers.find(({ name }) => name === "layer2.0.conv2")).toEqual({
      name: "layer2.0.conv2",
      op: "Conv",
      detail: "3x3 g32 /2",
      output: [1, 256, 28, 28],
      parameters: 256 * 8 * 9,
      multiplyAdds: 256 * 28 * 28 * 8 * 9,
    });
  });

  it("ends with the embedding when there are no classes", () => {
    const layers = layerTable(resnetConfig({ layers: [1], width: 8, numClasses: 0 }), 32);
    expect(layers.at(-1)!.output).toEqual([1, 32]);
  });
});
