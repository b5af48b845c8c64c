import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { version } from "../../src/core/index.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
};

let folder: string;
let tarball: string;
let packed: ReadonlySet<string>;

const run = (command: string, args: readonly string[], cwd: string, env = process.env) =>
  promisify(execFile)(command, args, { cwd, env, shell: process.platform === "win32" });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "package-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], root);
  const [pack] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  tarball = join(folder, pack!.filename);
  packed = new Set(pack!.files.map(({ path }) => path));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("says which version it is", () => {
  expect(version).toBe(manifest.version);
});

describe("the tarball", () => {
  it("carries both licences, one model, and nothing else but code and documents", () => {
    expect(packed).toContain("LICENSE");
    expect(packed).toContain("NOTICE");
    const elsewhere = [...packed].filter(
      (path) => !/^(dist|docs|examples)\/|\.md$/.test(path) && !/^(LICENSE|NOTICE|package\.json)$/.test(path),
    );
    expect(elsewhere).toEqual(["models/ssl_resnext17_cifar10.safetensors"]);
    expect([...packed].filter((path) => /\.(pth|onnx|node|env)$/.test(path))).toEqual([]);
  });

  const targets = (value: string | Readonly<Record<string, string>>): readonly string[] =>
    typeof value === "string" ? [value] : Object.values(value);
  const exported = Object.entries(manifest.exports)
    .flatMap(([name, value]) => targets(value).map((target) => [name, target] as const))
    .filter(([name]) => !name.endsWith("/*"));

  it.each([...exported, ...Object.entries(manifest.bin)])("has what %s names", (_name, target) => {
    expect(packed).toContain(posix.normalize(target));
    if (target.endsWith(".js")) expect(packed).toContain(posix.normalize(target.replace(/js$/, "d.ts")));
  });

  it.each(["node", "web"])("has every worker of src/%s", (platform) => {
    const sources = readdirSync(join(root, `src/${platform}/workers`));
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources)
      expect(packed).toContain(`dist/${platform}/workers/${source.replace(/\.ts$/, ".js")}`);
  });

  it("has every file once: no sources, and no maps to them", () => {
    expect([...packed].filter((path) => /\.map$|^src\/.*\.ts$/.test(path))).toEqual([]);
  });

  it("has what its documents link to", () => {
    const folders = new Set(
      [...packed].flatMap((path) => path.split("/").map((_, i, names) => names.slice(0, i).join("/"))),
    );
    const dead = [...packed]
      .filter((path) => path.endsWith(".md"))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), "utf8").replaceAll(/```.*?```/gs, "");
        return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
          .map(([, link]) => link!.replace(/#.*$/, ""))
          .filter((link) => link !== "" && !/^\w+:/.test(link))
          .map((link) => ({ path, link, target: posix.join(posix.dirname(path), link) }));
      })
      .filter(({ target }) => !packed.has(target) && !folders.has(target));
    expect(dead).toEqual([]);
  });
});

it("loads neither training nor DuckDB nor decoders to open a model", async () => {
  const hook = `export async function load(url, context, next) {
    process._rawDebug(url);
    return next(url, context);
  }`;
  const program = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { createModel } = await import(${JSON.stringify(pathToFileURL(join(root, "dist/index.js")).href)});
    await (await createModel("ssl_resnext17_cifar10")).release();`;
  const { stderr } = await run(process.execPath, ["--input-type=module", "--eval", program], root);
  const loaded = stderr.split("\n").filter((line) => line.startsWith("file:"));
  expect(loaded.filter((url) => url.includes("/dist/predict/"))).not.toEqual([]);
  expect(loaded.filter((url) => /dist\/(train|semi)\/|duckdb|hyparquet|sharp\/|undici/.test(url))).toEqual(
    [],
  );
});

// Downloads the dependencies, with an empty npm cache and none of this repository's settings.
describe.skipIf(!process.env["SSL_RESNEXT_LONG_TESTS"])("an empty project", () => {
  let project: string;
  const settings = /^(npm_|SSL_RESNEXT_|ONNXRUNTIME_|INIT_CWD$|NODE_PATH$)/i;
  const clean = Object.entries(process.env).filter(([name]) => !settings.test(name));
  const evaluate = (program: string): Promise<{ stdout: string }> =>
    run(process.execPath, ["--input-type=module", "--eval", program], project, {
      ...Object.fromEntries(clean),
      SSL_RESNEXT_CACHE: join(project, "cache"),
    });

  beforeAll(async () => {
    project = await mkdtemp(join(folder, "project-"));
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const cache = join(folder, "npm-cache");
    await run("npm", ["install", tarball, "--cache", cache], project, Object.fromEntries(clean));
  }, 300_000);

  it("has the command", async () => {
    const { stdout } = await run("npx", ["ssl-resnext", "--version"], project, Object.fromEntries(clean));
    expect(stdout.trim()).toBe(manifest.version);
  });

  it("imports the library", async () => {
    const program = 'import { createModel } from "ssl-resnext"; process.stdout.write(typeof createModel);';
    expect((await evaluate(program)).stdout).toBe("function");
  });

  it("compiles against the declarations, which are checked too", async () => {
    const entries = Object.keys(manifest.exports).filter(
      (entry) => !/^\.\/(web|package\.json|.*\*)$/.test(entry),
    );
    const source = join(project, "all.ts");
    await writeFile(
      source,
      entries.map((entry, i) => `export * as m${i} from "${entry.replace(".", "ssl-resnext")}";`).join("\n"),
    );
    const flags = "--ignoreConfig --noEmit --strict --target es2023 --module nodenext --types node".split(
      " ",
    );
    const typeRoots = join(root, "node_modules/@types");
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const compiled = run(process.execPath, [tsc, ...flags, "--typeRoots", typeRoots, source], project);
    await expect(compiled).resolves.toEqual({ stdout: "", stderr: "" });
  });

  it("has ONNX Runtime, whether or not its install script could do its download", async () => {
    const path = join(project, "node_modules/ssl-resnext/dist/node/engines/onnxruntime/onnx-runtime.js");
    const program = `
      import { onnxRuntime } from ${JSON.stringify(pathToFileURL(path).href)};
      process.stdout.write(typeof onnxRuntime.InferenceSession.create);`;
    expect((await evaluate(program)).stdout).toBe("function");
  }, 300_000);
});
