import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { SessionError } from "../../core/index.ts";
import { lockFile } from "../files/file-lock.ts";
import { makeMissingFolders } from "../files/file-system.ts";
import { cacheFolder } from "../files/file-system.ts";

/** The version that package.json pins. */
export const onnxRuntimeVersion = "1.30.0";

/** SHA-512 of that version's tarball, as package-lock.json has it. */
export const onnxRuntimeIntegrity: string =
  "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==";

const spec = `onnxruntime-node@${onnxRuntimeVersion}`;

/**
 * Installs onnxruntime-node into the cache with npm, without its install script, and returns the folder
 * whose node_modules holds it; does nothing when it stands there already.
 *
 * Needed where npm dropped the optional dependency because that script could not download its CUDA
 * provider: see docs/decisions/001-install-scripts.md.
 *
 * @throws SessionError `runtime/not-installed`
 */
export async function installOnnxRuntime(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const cache = cacheFolder(env);
  const folder = join(cache, `onnxruntime-node-${onnxRuntimeVersion}`);
  if (existsSync(folder)) return folder;
  if (env["SSL_RESNEXT_OFFLINE"] === "1") throw notInstalled("downloads are off");

  await makeMissingFolders(cache);
  const unlock = await lockFile(`${folder}.lock`);
  try {
    if (!existsSync(folder)) await installAside(folder, env);
  } finally {
    await unlock();
  }
  return folder;
}

async function installAside(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  process.emitWarning(`${spec} is not installed beside ssl-resnext: npm installs it into ${folder}.`, {
    type: "SslResnextWarning",
  });
  const aside = `${folder}.${randomUUID()}`;
  try {
    await mkdir(aside);
    await writeFile(join(aside, "package.json"), JSON.stringify({ private: true }));
    const flags = ["--ignore-scripts", "--package-lock=true", "--no-audit", "--no-fund", "--prefix", aside];
    await promisify(execFile)("npm", ["install", ...flags, "--save-exact", spec], {
      cwd: aside,
      env,
      // npm is a .cmd file there.
      shell: process.platform === "win32",
    });
    const received = await installedIntegrity(aside);
    if (received !== onnxRuntimeIntegrity) {
      throw notInstalled(`expected the integrity ${onnxRuntimeIntegrity}, received ${received}`);
    }
    await rename(aside, folder);
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    throw notInstalled(cause instanceof Error ? cause.message.trim() : String(cause), cause);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function installedIntegrity(folder: string): Promise<string | undefined> {
  const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
  };
  return lock.packages["node_modules/onnxruntime-node"]?.integrity;
}

function notInstalled(why: string, cause?: unknown): SessionError {
  return new SessionError(
    "runtime/not-installed",
    `${spec} is not installed, and npm could not install it (${why}). ` +
      "Where there is network, install this package again with ONNXRUNTIME_NODE_INSTALL=skip in the environment.",
    { cause },
  );
}
