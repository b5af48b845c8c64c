import { readdirSync, readFileSync } from "node:fs";
import { join, posix, relative } from "node:path";
import { describe, expect, it } from "vitest";

/** What each folder of src may import besides itself and core. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  graph: [],
  weights: [],
  image: [],
  runtime: ["image"],
  report: [],
  nn: ["graph", "weights", "image"],
  data: ["image"],
  train: ["nn", "graph", "data", "image", "weights", "runtime", "predict", "report"],
  predict: ["nn", "graph", "image", "weights", "runtime", "data"],
  semi: ["nn", "image", "data", "weights", "runtime", "predict", "train", "report"],
  check: ["nn", "graph", "image", "data", "weights", "runtime", "predict", "train", "report"],
  node: ["nn", "graph", "image", "weights", "runtime", "data", "predict", "train", "semi", "check", "report"],
  web: ["nn", "graph", "image", "weights", "runtime", "data", "predict", "train"],
  cluster: [],
  cli: [
    "nn",
    "graph",
    "image",
    "weights",
    "runtime",
    "data",
    "predict",
    "train",
    "semi",
    "check",
    "node",
    "cluster",
  ],
};

/** Modules that only these folders may touch. */
const platformOnly =
  /^(node:|sharp$|koffi$|bullmq$|ioredis$|onnxruntime-node$|#?onnxruntime-web(\/|$)|@jsquash\/)/;
const platformFolders = new Set(["node", "web", "cluster", "cli"]);

const src = new URL("../src/", import.meta.url).pathname;

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll("\\", "/"));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
}

const folderOf = (file: string): string => file.split("/")[0]!;

describe("import direction", () => {
  it("has a rule for every folder", () => {
    const folders = new Set(files.filter((file) => file.includes("/")).map(folderOf));
    expect([...folders].filter((folder) => !(folder in allowed))).toEqual([]);
  });

  it.each(files.filter((file) => file.includes("/")))("%s imports only what its folder may", (file) => {
    const folder = folderOf(file);
    const mayImport = new Set([folder, "core", ...allowed[folder]!]);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith(".")) {
        const target = posix.normalize(posix.join(posix.dirname(file), specifier));
        expect(mayImport, `${file} imports ${relative(".", target)}`).toContain(folderOf(target));
      } else if (platformOnly.test(specifier)) {
        expect(platformFolders, `${file} imports ${specifier}`).toContain(folder);
      }
    }
  });

  it("runs in no circle, types included", () => {
    expect(circles(new Map(files.map((file) => [file, targetsOf(file)])))).toEqual([]);
  });
});

/** The files of src that a file imports or hands on, by relative path; imports at run time included. */
function targetsOf(file: string): readonly string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => posix.normalize(posix.join(posix.dirname(file), specifier)));
}

/** Groups of files that reach each other (Tarjan's strongly connected components). */
function circles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const path: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    path.push(file);
    for (const target of graph.get(file) ?? []) {
      if (!order.has(target)) visit(target);
      if (path.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = path.splice(path.indexOf(file));
    if (circle.length > 1 || graph.get(file)!.includes(file)) found.push(circle);
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return found;
}
