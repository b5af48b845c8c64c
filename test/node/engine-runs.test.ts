import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rememberSpeeds } from "../../src/node/engines/engine-speeds.ts";
import { libraryVariable } from "../../src/node/engines/openvino/find-library.ts";
import { fileStorage } from "../../src/node/files/file-storage.ts";
import { runSemi } from "../../src/node/semi.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { noOpenVino } from "../support/openvino.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder, ...names);
const model = "ssl_resnext17_cifar10";
const subject = { network: "bottleneck 1-2-2 4x32, 32x32, fp32", batch: "many" } as const;

beforeAll(async () => {
  process.env["SSL_RESNEXT_CACHE"] = at("cache");
  await writeColouredImages(at("labelled"), 6);
  await writeColouredImages(at("unlabelled"), 8);
});

/** The folders of embeddings in the cache: one for each network, engine and precision. */
const kept = (): readonly string[] => readdirSync(at("cache/embeddings")).sort();

const engineOf = (run: string): unknown => JSON.parse(readFileSync(at(run, "engine.json"), "utf8"));

/** Runs a command that should go well. */
async function done(...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { code, stdout, stderr } = await runCli(args);
  expect(`${code} ${stderr}`).toMatch(/^0 /);
  return { stdout, stderr };
}

/** Runs one that should be refused. */
async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await runCli(args);
  expect(code).not.toBe(0);
  return stderr;
}

const eventsOf = (stdout: string): readonly Readonly<Record<string, unknown>>[] =>
  jsonLines(stdout) as readonly Readonly<Record<string, unknown>>[];

const train = (run: string, ...more: string[]): readonly [string, ...string[]] => [
  "train",
  at("labelled"),
  "-m",
  model,
  "--mode",
  "head",
  "-o",
  at(run),
  "--json",
  ...more,
];

const semi = (run: string, ...more: string[]): readonly [string, ...string[]] => [
  "semi",
  "run",
  "--labelled",
  at("labelled"),
  "--unlabelled",
  at("unlabelled"),
  "--method",
  "labels",
  "-m",
  model,
  "-o",
  at(run),
  ...more,
];

describe("what a run embeds with", () => {
  beforeEach(({ skip }) => skip(noOpenVino !== undefined, noOpenVino));

  it("is said, written down, and makes the same classifier of the same embeddings", async () => {
    const accuracies: unknown[] = [];
    for (const engine of ["onnxruntime", "openvino"]) {
      const events = eventsOf((await done(...train(`head-${engine}`, "--engine", engine))).stdout);
      expect(events.find(({ type }) => type === "embedded")).toMatchObject({
        engine,
        precision: "fp32",
        cached: 0,
      });
      expect(engineOf(`head-${engine}`)).toEqual({ engine, precision: "fp32" });
      expect(readFileSync(at(`head-${engine}`, "report.html"), "utf8")).toContain(`<td>${engine}</td>`);
      const { loss } = events.find(({ type }) => type === "fitted")!;
      accuracies.push(Number(loss).toFixed(4));
    }
    expect(accuracies[0]).toBe(accuracies[1]);
    expect(kept()).toHaveLength(2);
  });

  it("is refused as another one when the run is resumed, and taken again where it is left out or auto", async () => {
    const before = kept();
    expect(await refused(...train("head-openvino", "--resume", "--engine", "onnxruntime"))).toContain(
      "engine.json: the run began with engine openvino, and onnxruntime is asked for",
    );
    expect(await refused(...train("head-openvino", "--resume", "--precision", "bf16"))).toContain(
      "began with precision fp32, and bf16 is asked for",
    );
    for (const engine of [[], ["--engine", "auto"], ["--engine", "openvino"]]) {
      const { stdout } = await done(...train("head-openvino", "--resume", ...engine));
      const embedded = eventsOf(stdout).find(({ type }) => type === "embedded")!;
      expect(embedded).toMatchObject({ engine: "openvino", cached: embedded["images"] });
    }
    expect(kept()).toEqual(before);
  });

  it("is chosen once by auto, and kept by its own name", async () => {
    await rememberSpeeds(subject, { onnxruntime: 2, openvino: 1 });
    const before = kept();
    const { stdout } = await done(...train("head-auto", "--engine", "auto"));
    expect(eventsOf(stdout).find(({ type }) => type === "embedded")).toMatchObject({ engine: "openvino" });
    await rememberSpeeds(subject, { onnxruntime: 1, openvino: 2 });
    await done(...train("head-auto", "--engine", "auto", "--resume"));
    expect(engineOf("head-auto")).toEqual({ engine: "openvino", precision: "fp32" });
    expect(kept()).toEqual(before);
  });

  it("keeps embeddings of another precision apart", async () => {
    const before = kept();
    const { code, stderr } = await runCli(train("head-bf16", "--engine", "openvino", "--precision", "bf16"));
    if (code !== 0) return expect(stderr).toContain("[runtime/precision-unavailable]");
    expect(kept()).toHaveLength(before.length + 1);
  });

  it("is not there for what learns", async () => {
    const args = ["train", at("labelled"), "-m", model, "-o", at("full")];
    expect(await refused(...args, "--engine", "openvino")).toContain("no effect in mode full");
    expect(await refused(...args, "--precision", "bf16")).toContain("no effect in mode full");
  });

  it("says of a file that names none what to do", async () => {
    writeFileSync(at("head-auto", "engine.json"), "{}");
    expect(await refused(...train("head-auto", "--resume"))).toContain("Delete it to choose anew");
    rmSync(at("head-auto", "engine.json"));
    await done(...train("head-auto", "--resume", "--engine", "onnxruntime"));
  });

  it("is that of a whole run of semi, and of what is suggested by it", async () => {
    const before = kept();
    await done(...semi("semi", "--engine", "openvino"));
    expect(engineOf("semi")).toEqual({ engine: "openvino", precision: "fp32" });
    expect(await refused(...semi("semi", "--engine", "onnxruntime"))).toContain("began with engine openvino");
    await done(...semi("semi"));
    expect(readFileSync(at("semi/report.html"), "utf8")).toContain("<td>openvino</td>");
    const embeddings = kept();
    expect(embeddings.length).toBeLessThanOrEqual(before.length + 1);
    const suggest = async (out: string, ...more: string[]): Promise<readonly unknown[]> =>
      jsonLines(
        (await done("suggest", "-m", at("semi"), "-n", "2", "-o", at(out), "--json", ...more)).stdout,
      );
    for (const line of await suggest("next"))
      expect(line).toMatchObject({ engine: "openvino", precision: "fp32" });
    expect(readFileSync(at("next/index.html"), "utf8")).toContain(
      "</bdi> (on openvino, fp32) and 18 labelled",
    );
    expect(kept()).toEqual(embeddings);
    for (const line of await suggest("other", "--engine", "onnxruntime"))
      expect(line).not.toHaveProperty("engine");
    expect(readFileSync(at("other/index.html"), "utf8")).not.toContain("(on ");
  });

  it("is that of a check, which shares the embeddings", async () => {
    const before = kept();
    const check = (...more: string[]): readonly string[] => [
      "check",
      at("labelled"),
      "-m",
      model,
      "-o",
      at("check"),
      "--exif",
      "--verbose",
      "--json",
      ...more,
    ];
    const { stdout, stderr } = await done(...check("--engine", "openvino"));
    expect(eventsOf(stdout).at(-1)).toMatchObject({ engine: "openvino", precision: "fp32" });
    expect(stderr).toContain("embedded on openvino in fp32");
    expect(await refused(...check("--engine", "onnxruntime"))).toContain("began with engine openvino");
    await done(...check("--engine", "auto"));
    expect(kept()).toEqual(before);
  });
});

describe("an engine that is not here", () => {
  const nowhere = (): NodeJS.ProcessEnv => ({ [libraryVariable]: at("nowhere") });

  it.each<[string, () => readonly string[]]>([
    ["train --mode head", () => train("absent", "--engine", "openvino")],
    ["semi run", () => semi("absent", "--engine", "openvino")],
    [
      "semi run, in a precision that leaves no choice",
      () => semi("absent", "--engine", "auto", "--precision", "bf16"),
    ],
    [
      "semi score, a part",
      () => [
        "semi",
        "score",
        ...semi("absent", "--engine", "openvino").slice(2),
        "--method",
        "paper",
        "--part",
        "1/2",
      ],
    ],
    ["check", () => ["check", at("labelled"), "-m", model, "-o", at("absent"), "--engine", "openvino"]],
  ])("is refused before anything is written: %s", async (_, args) => {
    const { code, stdout, stderr } = await runCli(args(), undefined, nowhere());
    expect(`${code} ${stdout}`).toBe("1 ");
    expect(stderr).toContain(`${libraryVariable} is ${at("nowhere")}`);
    expect(existsSync(at("absent"))).toBe(false);
  });

  it("is refused where none has the device and the precision", async () => {
    const auto = ["--engine", "auto", "--precision", "bf16", "--device", "webgpu"];
    expect(await refused(...train("absent", ...auto))).toContain("[runtime/precision-unavailable]");
    expect(existsSync(at("absent"))).toBe(false);
  });

  it("is refused where the run began with it", async () => {
    await done(...semi("began"));
    writeFileSync(at("began", "engine.json"), JSON.stringify({ engine: "openvino", precision: "fp32" }));
    const { code, stderr } = await runCli(semi("began"), undefined, nowhere());
    expect(code).toBe(1);
    expect(stderr).toContain(`${libraryVariable} is ${at("nowhere")}`);
  });
});

it("is not begun by two processes with two engines", async () => {
  await fileStorage.makeFolder(at("shared"));
  const unlock = await fileStorage.lock(at("shared", ".engine.lock"));
  const settings = {
    labelled: [at("labelled")],
    unlabelled: [at("unlabelled")],
    method: "labels",
    teacher: model,
  } as const;
  const events = runSemi({ settings, out: at("shared") });
  let next = await events.next();
  while (next.value?.type !== "planned") next = await events.next();
  const failing = (async () => {
    for await (const _ of events);
  })();
  // As one of its parts does that holds the lock.
  writeFileSync(at("shared", "engine.json"), JSON.stringify({ engine: "openvino", precision: "fp32" }));
  await unlock();
  await expect(failing).rejects.toMatchObject({
    code: "train/other-run",
    message: expect.stringContaining(
      "another process began the run with openvino in fp32 meanwhile",
    ) as string,
  });
  expect(readdirSync(at("shared")).filter((name) => !name.startsWith("."))).not.toContain("semi.yaml");
});

describe("a network that learns", () => {
  it("is trained on ONNX Runtime, whatever auto would embed with", async () => {
    const args = [
      "train",
      at("labelled"),
      "-m",
      model,
      "-o",
      at("auto"),
      "--images",
      "16",
      "--batch-size",
      "8",
    ] as const;
    await done(...args, "--engine", "auto", "--precision", "fp32");
    expect(existsSync(at("auto", "engine.json"))).toBe(false);
  });
});

describe("without a model, a check refuses", () => {
  it.each([
    ["--engine", "onnxruntime"],
    ["--precision", "fp32"],
    ["--device", "webgpu"],
  ])("%s", async (...option) => {
    const stderr = await refused("check", at("labelled"), "-o", at("plain"), ...option);
    expect(stderr).toContain(`(${option[0]}): no effect without a model`);
    expect(existsSync(at("plain"))).toBe(false);
  });
});

describe("with a list of fixes, a check refuses", () => {
  it.each<readonly [string, ...string[]]>([
    ["--engine", "onnxruntime"],
    ["--precision", "fp32"],
    ["--device", "webgpu"],
    ["--model", model],
    ["--batch-size", "4"],
    ["--verbose"],
    ["--out", "elsewhere"],
  ])("%s", async (...option) => {
    const args = ["--apply", at("fixes.csv"), "--to", at("copy"), ...option];
    expect(await refused("check", at("labelled"), ...args)).toContain(
      `${option[0]}: no effect with --apply, which follows a list of fixes`,
    );
  });
});
