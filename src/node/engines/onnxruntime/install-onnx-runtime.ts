import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import { SessionError, SslResnextError } from "../../../core/index.ts";
import { offlineBy } from "../../files/environment-fetch.ts";
import { lockFile } from "../../files/file-lock.ts";
import { attempt, cacheFolder, makeFolder } from "../../files/file-system.ts";

/** The version that package.json pins. */
export const onnxRuntimeVersion = "1.30.0";

/** SHA-512 of that version's tarball, as package-lock.json has it. */
export const onnxRuntimeIntegrity: string =
  "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==";

/** Megabytes of the tarball, and of the files in it. */
const megabytes = { packed: 114, unpacked: 301 } as const;

const spec = `onnxruntime-node@${onnxRuntimeVersion}`;

/** How to have it without this download, on one line. */
const waysRound =
  "To have it beforehand, install with ONNXRUNTIME_NODE_INSTALL=skip in the environment, " +
  "let its script run (npm approve-scripts onnxruntime-node), or put a copy of this folder of another machine here";

/**
 * Installs onnxruntime-node into the cache with npm, without its install script, and returns the folder
 * whose node_modules holds it; does nothing when it stands there already.
 *
 * Needed where npm dropped the optional dependency because that script could not download its CUDA
 * provider: see docs/decisions/001-install-scripts.md. A process warning says what is downloaded, and a terminal how far
 * that is.
 *
 * @throws SessionError `runtime/not-installed`
 */
export async function installOnnxRuntime(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const cache = cacheFolder(env);
  const folder = join(cache, `onnxruntime-node-${onnxRuntimeVersion}`);
  if (existsSync(folder)) return folder;
  const offline = offlineBy(env);
  if (offline !== undefined) throw notInstalled(folder, `offline mode, ${offline}, forbids downloads`);
  try {
    await makeFolder(cache);
    const unlock = await attempt(folder, () => lockFile(`${folder}.lock`));
    try {
      if (!existsSync(folder)) await installAside(folder, env);
    } finally {
      await unlock();
    }
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    const where = cause instanceof SslResnextError ? ` SSL_RESNEXT_CACHE names another folder.` : "";
    throw notInstalled(
      folder,
      `${cause instanceof Error ? cause.message.trim() : String(cause)}${where}`,
      cause,
    );
  }
  return folder;
}

async function installAside(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  process.emitWarning(
    `${spec} is not installed beside ssl-resnext: npm downloads ${megabytes.packed} MB into ${folder}, once. ${waysRound}.`,
    { type: "SslResnextWarning" },
  );
  const aside = `${folder}.${randomUUID()}`;
  const endProgress = showProgress(aside);
  try {
    await attempt(aside, () => mkdir(aside));
    await writeFile(join(aside, "package.json"), JSON.stringify({ private: true }));
    const flags = ["--ignore-scripts", "--package-lock=true", "--no-audit", "--no-fund", "--prefix", aside];
    // It takes proxies from the environment by itself, but not this.
    const certificates = env["SSL_CERT_FILE"] ? { npm_config_cafile: env["SSL_CERT_FILE"] } : {};
    await promisify(execFile)("npm", ["install", ...flags, "--save-exact", spec], {
      cwd: aside,
      env: { ...certificates, ...env },
      // npm is a .cmd file there.
      shell: process.platform === "win32",
    });
    const received = await installedIntegrity(aside);
    if (received !== onnxRuntimeIntegrity) {
      throw notInstalled(folder, `expected the integrity ${onnxRuntimeIntegrity}, received ${received}`);
    }
    await attempt(folder, () => rename(aside, folder));
  } finally {
    endProgress();
    await rm(aside, { recursive: true, force: true });
  }
}

/** Shows on a terminal how much of it npm has written. @returns what ends that */
function showProgress(folder: string): () => void {
  // In a worker thread, standard error does not say that it is a terminal.
  if (!isatty(2)) return () => undefined;
  const clearLine = "\r\u001B[2K";
  const started = performance.now();
  // npm unpacks when it has it all: until then the seconds go on.
  const draw = async (): Promise<void> => {
    try {
      const written = Math.round((await bytesBelow(folder)) / 1e6);
      const seconds = Math.round((performance.now() - started) / 1000);
      process.stderr.write(
        `${clearLine}${spec}: ${seconds} s, ${written} of ${megabytes.unpacked} MB unpacked`,
      );
    } catch {
      // npm moves files at that moment.
    }
  };
  const timer = setInterval(() => void draw(), 500);
  return () => {
    clearInterval(timer);
    process.stderr.write(clearLine);
  };
}

async function bytesBelow(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(names.map((name) => stat(join(folder, name))));
  return found.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}

async function installedIntegrity(folder: string): Promise<string | undefined> {
  const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
  };
  return lock.packages["node_modules/onnxruntime-node"]?.integrity;
}

function notInstalled(folder: string, why: string, cause?: unknown): SessionError {
  return new SessionError(
    "runtime/not-installed",
    `${spec} is not installed, and npm could not install it into ${folder} (${why}). ${waysRound}.`,
    { cause },
  );
}
