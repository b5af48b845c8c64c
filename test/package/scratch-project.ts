import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A project outside of this repository, as a user has one, and what runs in it. */
export interface ScratchProject extends AsyncDisposable {
  readonly folder: string;
  /** Runs a program there, without this repository's settings; gives what it wrote, or rejects. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Writes a file and gives its path. */
  write(name: string, text: string): Promise<string>;
}

const settings = /^(npm_|SSL_RESNEXT_|ONNXRUNTIME_|INIT_CWD$|NODE_PATH$|NODE_OPTIONS$|VITEST)/i;
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));

/** Makes an empty project with this package's tarball in it, and an image. */
export async function scratchProject(): Promise<ScratchProject & { readonly tarball: string }> {
  const folder = mkdtempSync(join(tmpdir(), "ssl-resnext-project-"));
  const run: ScratchProject["run"] = async (command, args, env = {}) => {
    const options = { cwd: folder, env: { ...clean, ...env }, timeout: 240_000, maxBuffer: 2 ** 26 };
    return (await promisify(execFile)(command, args, options)).stdout;
  };
  const write: ScratchProject["write"] = async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  await write("package.json", JSON.stringify({ private: true, type: "module" }));
  await write("image.ppm", `P6 2 2 255\n${"d( ".repeat(4)}`);
  const packed = promisify(execFile)("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root });
  const [{ filename }] = JSON.parse((await packed).stdout) as [{ filename: string }];
  return {
    folder,
    tarball: join(folder, filename),
    run,
    write,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Classifies the image, exports the model, and classifies with what was exported: prints the same in each runtime. */
export const program = `
import { createModel, exportOnnx, openModel } from "ssl-resnext";
const classify = async (name) => {
  const model = await createModel(name);
  const [{ label, probability }] = await model.classify("image.ppm", { topk: 1 });
  await model.release();
  return label + " " + probability.toFixed(4);
};
const first = await classify("ssl_resnext17_cifar10");
await exportOnnx(await openModel("ssl_resnext17_cifar10"), "exported.onnx");
console.log(first, await classify("./exported.onnx"));
`;
