import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { countParameters, embeddedModel, modelConfig, statedAccuracy } from "../../src/nn/index.ts";
import { createModel, openImages, openModel } from "../../src/node/library.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { rangeServer } from "../support/range-server.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const testImages = fileURLToPath(new URL("../../../shared/data/cifar10/test-5000.tar", import.meta.url));
const classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const folder = temporaryFolder();
const picture = join(folder, "picture.png");
const run = promisify(execFile);

beforeAll(async () => writeFileSync(picture, await solidPng([90, 140, 200], 64)));

describe("the packed tarball", () => {
  let packed: string;

  beforeAll(async () => {
    const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root });
    packed = mkdtempSync(join(folder, "installed-"));
    await run("tar", ["-xzf", join(folder, stdout.trim()), "-C", packed]);
    symlinkSync(join(root, "node_modules"), join(packed, "node_modules"));
  });

  it("carries the weights in less than 4 MB", async () => {
    const { size } = await stat(join(packed, `package/models/${embeddedModel}.safetensors`));
    expect(size).toBeGreaterThan(500_000);
    expect(size).toBeLessThan(4_000_000);
  });

  it("classifies with them at once, without network and cache, and says what answered", async () => {
    const { stdout, stderr } = await run(
      process.execPath,
      [join(packed, "package/dist/cli/main.js"), "classify", picture, "--json", "--topk", "10"],
      { env: { ...process.env, SSL_RESNEXT_OFFLINE: "1", SSL_RESNEXT_CACHE: join(folder, "no-cache") } },
    );
    const [line] = jsonLines<{ predictions: { label: string }[] }>(stdout);
    expect(line!.predictions.map(({ label }) => label).toSorted()).toEqual(classes);
    expect(stderr).toBe(
      `no --model given: ${embeddedModel} answers, which knows 10 classes of pictures of 32x32 only; ` +
        "ssl-resnext models lists others\n",
    );
    expect(existsSync(join(folder, "no-cache"))).toBe(false);
  });
});

describe("the embedded model", () => {
  it("gives a photo behind HTTP the answer that its file has", async () => {
    const bytes = await solidPng([90, 140, 200], 64);
    await using server = await rangeServer({
      "picture.png": bytes,
      "pack.tar": await tarBytes([{ name: "picture.png", body: Buffer.from(bytes) }]),
    });
    const model = await createModel(embeddedModel, { pretrained: true });
    try {
      const expected = await model.classify(picture);
      expect(await model.classify(`${server.url}picture.png`)).toEqual(expected);
      for await (const answer of model.classifyAll(await openImages([`${server.url}pack.tar`])))
        expect(answer).toMatchObject({ image: `${server.url}pack.tar/picture.png`, predictions: expected });
    } finally {
      await model.release();
    }
  });

  it("says where it comes from, how good it is, and what it cannot do", async () => {
    const { description } = await openModel(embeddedModel, { pretrained: true });
    expect(description).toMatchObject({ name: embeddedModel, classes, config: modelConfig(embeddedModel) });
    expect(description.preprocessing).toMatchObject({ inputSize: 32, cropPct: 1, interpolation: "bilinear" });
    const { provenance } = description;
    const entries = ["method", "data", "recipe", "limits", "licence", "test set"];
    expect(entries.filter((entry) => !provenance[entry])).toEqual([]);
    expect(provenance["data"]).toContain("Krizhevsky");
    expect(provenance["licence"]).toContain("Apache-2.0");
    expect(provenance["licence"]).not.toContain("NC");
    const [top1, top5] = statedAccuracy(description)!.accuracy;
    expect(top1).toBeGreaterThan(50);
    expect(top5).toBeGreaterThan(top1);
  });

  it("is opened by its name with these weights, and without them only when asked", async () => {
    const bias = async (pretrained: boolean): Promise<number[]> => {
      const source = await openModel(embeddedModel, { pretrained });
      return source.withWeights(async (weights) =>
        Array.from((await weights.get("bn1.bias")!.load()).data, Number),
      );
    };
    expect((await bias(true)).some((value) => value !== 0)).toBe(true);
    expect((await bias(false)).every((value) => value === 0)).toBe(true);
  });

  it("is listed and shown", async () => {
    const { description } = await openModel(embeddedModel, { pretrained: true });
    const [top1] = statedAccuracy(description)!.accuracy;
    const list = await runCli(["models"]);
    expect(list.stdout).toMatch(new RegExp(`\\n${embeddedModel} +[\\d,]+ +– +0\\.0\\d +${top1.toFixed(2)} `));
    const models = JSON.parse((await runCli(["models", "--json"])).stdout) as object[];
    expect(models.at(-1)).toMatchObject({
      name: embeddedModel,
      timm: null,
      classes: 10,
      parameters: countParameters(description.config),
      top1,
      licence: description.provenance["licence"],
    });
    const { stdout } = await runCli(["info", embeddedModel]);
    for (const value of Object.values(description.provenance)) expect(stdout).toContain(value);
  });

  it("explains what it says", async () => {
    const { stdout } = await runCli(["classify", picture, "--json", "--explain", join(folder, "heat")]);
    const [line] = jsonLines<{ explanation: { picture: string; layer: string } }>(stdout);
    expect(line!.explanation.layer).toBe("layer3");
    expect(existsSync(line!.explanation.picture)).toBe(true);
  });

  it.skipIf(!existsSync(testImages))(
    "is as good as it says (skipped without CIFAR-10's test images)",
    async () => {
      const model = await createModel(embeddedModel, { pretrained: true });
      try {
        const { top1, failed } = await model.validate(await openImages([testImages]));
        expect(failed).toBe(0);
        expect(top1).toBeGreaterThan(statedAccuracy(model.description)!.accuracy[0] - 0.5);
      } finally {
        await model.release();
      }
    },
  );
});
