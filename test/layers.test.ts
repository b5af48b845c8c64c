import { readdirSync, readFileSync } from "node:fs";
import { join, posix, relative } from "node:path";
import { describe, expect, it } from "vitest";

/** What each folder of src may import besides itself and core. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  graph: [],
  weights: [],
  image: [],
  runtime: [],
  nn: ["graph", "weights", "image"],
  data: ["image"],
  train: ["nn", "graph", "data", "image", "weights", "runtime", "predict"],
  predict: ["nn", "graph", "image", "weights", "runtime", "data"],
  semi: ["nn", "data", "weights", "predict", "train"],
  node: ["nn", "graph", "image", "weights", "runtime", "data", "predict", "train", "semi"],
  web: ["nn", "graph", "image", "weights", "runtime", "data", "predict", "train"],
  cli: ["nn", "graph", "image", "weights", "runtime", "data", "predict", "train", "semi", "node"],
};

/** Modules that only these folders may touch. */
const platformOnly = /^(node:|sharp$|onnxruntime-node$|#?onnxruntime-web(\/|$))/;
const platformFolders = new Set(["node", "web", "cli"]);

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
});
