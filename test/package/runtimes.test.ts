import { existsSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { build as viteBuild } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { program, scratchProject, type ScratchProject } from "./scratch-project.ts";

/** What is tried, each from npm; the README names them. */
const tools = ["bun@1.4.5", "deno@2.9.6", "@yarnpkg/cli-dist@4.18.1", "pnpm@12.21.0"];

type Project = Awaited<ReturnType<typeof scratchProject>>;

// Downloads runtimes and package managers of several hundred megabytes.
describe.skipIf(!process.env["SSL_RESNEXT_LONG_TESTS"])("runtimes and package managers", () => {
  let project: Project;
  let missing: string | undefined;
  let expected: string;
  const tool = (path: string): string => join(project.folder, "tools/node_modules", path);

  beforeAll(async () => {
    project = await scratchProject();
    const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
    try {
      await project.run("npm", [...install, "--prefix", join(project.folder, "tools"), ...tools]);
    } catch (error) {
      missing = `cannot be installed from npm here: ${(error as Error).message.split("\n")[0]}`;
      return;
    }
    await project.run("npm", [...install, project.tarball]);
    await project.write("program.mjs", program);
    expected = await project.run(process.execPath, ["program.mjs"]);
  }, 400_000);
  afterAll(() => project[Symbol.asyncDispose]());

  it("Node gives the same with the model and with its export", (test) => {
    test.skip(missing !== undefined, missing);
    expect(expected).toMatch(/^(\w+ 0\.\d{4}) \1\n$/);
  });

  it("Bun gives Node's answers", async (test) => {
    // Without its install script the program is in the package of the platform.
    const bun = ["@oven/bun-linux-x64/bin/bun", "bun/bin/bun.exe"].map(tool).find((path) => existsSync(path));
    test.skip(missing !== undefined || !bun, missing ?? "no Bun for this system");
    expect(await project.run(bun!, ["program.mjs"])).toBe(expected);
  });

  it("Deno gives Node's answers", async (test) => {
    const deno = tool("@deno/linux-x64-glibc/deno");
    test.skip(missing !== undefined || !existsSync(deno), missing ?? "no Deno for this system");
    expect(await project.run(deno, ["run", "--allow-all", "program.mjs"])).toBe(expected);
  });

  it("Yarn's Plug'n'Play gives Node's answers", async (test) => {
    test.skip(missing !== undefined, missing);
    await using pnp: ScratchProject & { tarball: string } = await scratchProject();
    const dependencies = { "ssl-resnext": `file:${pnp.tarball}` };
    await pnp.write("package.json", JSON.stringify({ private: true, type: "module", dependencies }));
    await pnp.write("yarn.lock", "");
    await pnp.write("program.mjs", program);
    const registry = (await pnp.run("npm", ["config", "get", "registry"])).trim();
    const env = {
      YARN_NODE_LINKER: "pnp",
      YARN_ENABLE_GLOBAL_CACHE: "false",
      YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
      YARN_ENABLE_SCRIPTS: "false",
      YARN_ENABLE_TELEMETRY: "false",
      YARN_NPM_REGISTRY_SERVER: registry,
      YARN_UNSAFE_HTTP_WHITELIST: "*",
    };
    const yarn = tool("@yarnpkg/cli-dist/bin/yarn.js");
    await pnp.run(process.execPath, [yarn, "install"], env);
    expect(await pnp.run(process.execPath, [yarn, "node", "program.mjs"], env)).toBe(expected);
  }, 300_000);

  it("pnpm installs it, where the one install script is answered for, and Node runs it", async (test) => {
    const pnpm = tool("@pnpm/exe.linux-x64/pnpm");
    test.skip(missing !== undefined || !existsSync(pnpm), missing ?? "no pnpm for this system");
    await using other = await scratchProject();
    await other.write("program.mjs", program);
    await other.write("pnpm-workspace.yaml", "allowBuilds:\n  onnxruntime-node: false\n");
    await other.run(pnpm, ["add", "--store-dir", join(other.folder, "store"), other.tarball]);
    expect(await other.run(process.execPath, ["program.mjs"])).toBe(expected);
  }, 300_000);

  it("esbuild leaves it out of a server's bundle, which gives the same answers", async (test) => {
    test.skip(missing !== undefined, missing);
    const entryPoints = [join(project.folder, "program.mjs")];
    const outfile = join(project.folder, "out/esbuild.mjs");
    const external = ["ssl-resnext"];
    await esbuild({ entryPoints, outfile, external, bundle: true, platform: "node", format: "esm" });
    expect(await project.run(process.execPath, [outfile])).toBe(expected);
  });

  it("Vite leaves it out of a bundle for servers by itself", async (test) => {
    test.skip(missing !== undefined, missing);
    const outDir = join(project.folder, "out/vite");
    await viteBuild({ root: project.folder, logLevel: "error", build: { ssr: "program.mjs", outDir } });
    expect(await project.run(process.execPath, [join(outDir, "program.js")])).toBe(expected);
  });

  it("a bundle that swallows it all says what to leave out", async (test) => {
    test.skip(missing !== undefined, missing);
    const source = 'import { createSession } from "ssl-resnext/node"; await createSession(new Uint8Array());';
    const entry = await project.write("swallowed.mjs", source);
    const outfile = join(project.folder, "out/swallowed.mjs");
    const native = { loader: { ".node": "empty" as const }, external: ["@duckdb/*"] };
    await esbuild({
      entryPoints: [entry],
      outfile,
      ...native,
      bundle: true,
      platform: "node",
      format: "esm",
    });
    await expect(project.run(process.execPath, [outfile])).rejects.toThrow(/--external:ssl-resnext/);
  });
});
