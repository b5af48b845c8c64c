import { describe, expect, it } from "vitest";
import { openModel } from "../../src/node/library.ts";
import { modelConfig, randomStateDict, timmName } from "../../src/nn/index.ts";
import { encodeSafetensors } from "../../src/weights/index.ts";
import { fileServer, serve, status } from "../support/file-server.ts";
import { testCache } from "../support/hub-fixture.ts";

const config = {
  architecture: "resnet18",
  num_classes: 1000,
  pretrained_cfg: {
    tag: "a1_in1k",
    input_size: [3, 224, 224],
    test_input_size: [3, 288, 288],
    crop_pct: 0.95,
    test_crop_pct: 1,
    interpolation: "bicubic",
    license: "apache-2.0",
  },
};

const json = Buffer.from(JSON.stringify(config));

async function weights(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const { chunks } = encodeSafetensors(randomStateDict(modelConfig("resnet18"), 1));
  for await (const chunk of chunks) pieces.push(chunk);
  return Buffer.concat(pieces);
}

describe("a repository of timm's on the hub", () => {
  it.each(["timm/resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k", "resnet18.a1_in1k"])(
    "%s gives weights and their description, once",
    async (name) => {
      await using mirror = await fileServer([serve(json), serve(await weights())]);
      await using cache = await testCache();
      const hub = cache.options({ mirrorUrl: mirror.url });
      const { description } = await openModel(name, { hub });
      expect(description).toMatchObject({
        name: "resnet18.a1_in1k",
        classes: "imagenet-1k",
        preprocessing: { inputSize: 288, cropPct: 1, interpolation: "bicubic" },
        provenance: { "described by": "resnet18.a1_in1k.json", licence: "apache-2.0" },
      });
      const asked = mirror.requests.filter(({ method }) => method === "GET").map(({ path }) => path);
      expect(asked).toEqual([
        "/resnet18.a1_in1k/resolve/main/config.json",
        "/resnet18.a1_in1k/resolve/main/model.safetensors",
      ]);
      // These weights are not Facebook's.
      expect(cache.events.map(({ type }) => type)).not.toContain("license");
      await openModel(name, { hub: { ...hub, offline: true } });
      expect(mirror.requests.filter(({ method }) => method === "GET")).toHaveLength(2);
    },
  );

  it("is not there, or answers with a page: one word, and nothing is kept", async () => {
    await using missing = await fileServer([status(404)]);
    await using login = await fileServer([serve(Buffer.from("<!doctype html>"))]);
    await using cache = await testCache();
    await expect(
      openModel("timm/resnet18.new_in1k", { hub: cache.options({ mirrorUrl: missing.url }) }),
    ).rejects.toMatchObject({ code: "weights/download-failed" });
    await expect(
      openModel("timm/resnet18.a1_in1k", { hub: cache.options({ mirrorUrl: login.url }) }),
    ).rejects.toMatchObject({ code: "weights/not-json" });
    expect(await cache.storage.list()).toEqual([]);
  });

  it.each([
    ["timm/seresnext50_32x4d.racm_in1k", "model/unsupported-architecture", "squeeze-excitation"],
    ["resnetblur50.bt_in1k", "model/unsupported-architecture", "anti-aliased downsampling"],
    ["timm/vit_base_patch16_224", "model/unknown-name", "There is no model"],
  ])("%s is refused before anything is downloaded", async (name, code, text) => {
    await expect(openModel(name)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text) as string,
    });
  });

  it("takes the description of timm's tables for a file that has none", async () => {
    expect(timmName("timm/resnet18.safetensors")).toBeUndefined();
    expect(timmName("resnext50_32x4d.tv_in1k")).toBe("resnext50_32x4d.tv_in1k");
    expect(timmName("./timm/resnet18.a1_in1k")).toBeUndefined();
  });
});
