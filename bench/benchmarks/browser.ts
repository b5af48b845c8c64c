import { cpSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createModel } from "ssl-resnext";
import type { Benchmark } from "../benchmark.ts";
import { builtPages } from "../fixtures/page.ts";
import { photosOf } from "../fixtures/photos.ts";
import {
  packageVersion,
  transformersJs,
  transformersModels,
  type TransformersJs,
} from "../fixtures/transformers-js.ts";
import { weightFiles } from "../fixtures/weights.ts";
import type { Result } from "../measure/alternate.ts";
import { runCommand } from "../measure/command.ts";
import { startChromium } from "../measure/page.ts";
import { cacheFolder, commandLine, repository } from "../paths.ts";
import type { Target } from "../report.ts";
import { photosInPages, type Photos } from "./browser-photos.ts";
import { encodings, firstVisits, openings, type FirstVisits } from "./browser-visits.ts";

const folder = join(cacheFolder, "browser");

/** The package in a page of Chromium. */
export const browser: Benchmark = {
  name: "browser",
  summary: "in Chromium: a first visit, opening a 100 MB .pth, photographs against transformers.js",
  async run({ photos: photoFolder, quick }) {
    const photos = photosOf(photoFolder).slice(0, quick ? 16 : 64);
    const { pth } = weightFiles();
    mkdirSync(folder, { recursive: true });
    cpSync(photos[0]!, join(folder, "first.jpg"));
    const onnx = await exportedFiles(pth, photoFolder);
    const peer = await transformersJs().catch((error: unknown) => String(error));
    const folders = { ...sharedFolders(), ...peerFolders(peer, onnx.float32), "/": await builtPages() };

    const chromium = await startChromium();
    try {
      const visits = await firstVisits(chromium, folders, quick ? 1 : 9);
      await expectNodesAnswer(photos[0]!, visits);
      const opened = await openings(chromium, folders, {
        path: pth,
        address: "/weights/resnext50_32x4d.pth",
        photo: photos[0]!,
        rounds: quick ? 1 : 5,
      });
      const classified = await photosInPages(chromium, folders, {
        photos,
        float32: { path: pth, address: "/weights/resnext50_32x4d.pth" },
        int8: { path: onnx.int8, address: "/weights/browser/int8.onnx" },
        peer: typeof peer === "object",
        rounds: quick ? 1 : 3,
      });
      return {
        title: "In the browser",
        columns: ["", "setting", "measured", "slowest to fastest run", "undisturbed runs"],
        rows: [
          ...[...visits.results, ...opened.results].map((result) => row(result, "", seconds)),
          ...classified.rows.map(({ result, setting }) =>
            row(result, setting, (time) => `${(photos.length / time).toFixed(2)} images/s`),
          ),
        ],
        targets: [
          ...visitTargets(visits),
          ...opened.results.slice(0, 2).map((result) => atMost(result.name, result.seconds, 2)),
          ...photoTargets(classified),
        ],
        notes: [
          `Chromium ${chromium.version()}, headless, onnxruntime-web ${packageVersion(join(repository, "node_modules/onnxruntime-web"))}; ${describePeer(peer)}`,
          "A first visit: from navigation to the class of a picture in the page, nothing kept from the visit before.",
          `Opened is a .pth when its session is ready to run. The first photograph is classified ${opened.answered.map(seconds).join(", ")} after the call, in the table's order.`,
          `${photos.length} JPEGs as Files, decoded anew in every run; models and workers stand before.`,
          ...agreementNotes(classified, photos.length),
        ],
        data: { visits, opened, classified },
      };
    } finally {
      await chromium.close();
    }
  },
};

/** The network as this package's own command exports it. */
async function exportedFiles(
  pth: string,
  photos: string,
): Promise<{ readonly float32: string; readonly int8: string }> {
  const files = { float32: join(folder, "float32.onnx"), int8: join(folder, "int8.onnx") };
  const command = [commandLine, "export", "--model=resnext50_32x4d", `--weights=${pth}`];
  await runCommand(process.execPath, [...command, `--output=${files.float32}`]);
  const calibrated = ["--precision=int8", `--calibrate=${resolve(repository, photos)}`];
  await runCommand(process.execPath, [...command, `--output=${files.int8}`, ...calibrated]);
  return files;
}

const sharedFolders = (): Readonly<Record<string, string>> => ({
  "/photos/": folder,
  "/weights/": cacheFolder,
  "/peers/": fileURLToPath(new URL("../peers/", import.meta.url)),
});

/** What transformers.js asks the page's server for. */
function peerFolders(peer: TransformersJs | string, onnx: string): Readonly<Record<string, string>> {
  if (typeof peer === "string") return {};
  return {
    "/transformers/": peer.scripts,
    "/transformers-onnxruntime/": peer.onnxRuntime,
    "/transformers-models/": transformersModels(onnx),
  };
}

const describePeer = (peer: TransformersJs | string): string =>
  typeof peer === "string"
    ? `transformers.js could not be installed, and its rows are left out: ${peer.split("\n", 1)[0]}`
    : `transformers.js ${peer.version} with its own onnxruntime-web ${peer.onnxRuntimeVersion}.`;

async function expectNodesAnswer(photo: string, { answer }: FirstVisits): Promise<void> {
  const model = await createModel("ssl_resnext17_cifar10", { pretrained: true });
  const [best] = await model.classify(photo);
  await model.release();
  if (best!.label === answer.label && Math.abs(best!.logit - answer.logit) < 1e-3) return;
  throw new Error(
    `Node answers ${best!.label} (${best!.logit}), the page ${answer.label} (${answer.logit}).`,
  );
}

const seconds = (time: number): string => `${time.toFixed(2)} s`;

function row(result: Result, setting: string, show: (seconds: number) => string): readonly string[] {
  const { name, slowest, fastest, undisturbed, disturbed } = result;
  const range = `${show(slowest)} to ${show(fastest)}`;
  return [name, setting, show(result.seconds), range, `${undisturbed} of ${undisturbed + disturbed}`];
}

const atMost = (what: string, measured: number, limit: number): Target => ({
  what,
  wanted: `at most ${limit.toFixed(1)} s`,
  measured: seconds(measured),
  met: measured <= limit,
});

function visitTargets({ results, bytes, foreign }: FirstVisits): readonly Target[] {
  return [
    ...results.map((result) => atMost(result.name, result.seconds, 1)),
    ...Object.values(encodings).map((encoding, index) => ({
      what: `bytes over the wire at a first visit, ${encoding}`,
      wanted: "at most 5.5 MB",
      measured: `${(bytes[index]! / 1e6).toFixed(2)} MB`,
      met: bytes[index]! <= 5.5e6,
    })),
    {
      what: "requests to other servers",
      wanted: "none",
      measured: String(foreign.length),
      met: foreign.length === 0,
    },
  ];
}

function photoTargets({ rows }: Photos): readonly Target[] {
  const [float32, int8, peer, perCore] = rows.map(({ result }) => result.seconds);
  if (peer === undefined || perCore === undefined) return [];
  return [
    { name: "float32: images/s against transformers.js", ratio: peer / float32!, wanted: 1.15 },
    { name: "int8: images/s against transformers.js in float32", ratio: peer / int8!, wanted: 1.8 },
  ].map(({ name, ratio, wanted }) => ({
    what: name,
    wanted: `at least ${wanted.toFixed(2)}x`,
    measured: `${ratio.toFixed(2)}x`,
    met: ratio >= wanted,
  }));
}

function agreementNotes({ agreements, largestLogit }: Photos, photos: number): readonly string[] {
  return agreements.map(
    ({ name, logits, probabilities, sameClass }) =>
      `${name}: against Node's answers from the same weights the logits differ by ${logits.toExponential(1)} at most, ` +
      `of ${largestLogit.toFixed(1)}, probabilities by ${probabilities.toExponential(1)}; the first class is the same ` +
      `for ${sameClass} of ${photos}.`,
  );
}
