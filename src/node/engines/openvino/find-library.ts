import { existsSync, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { SessionError } from "../../../core/errors.ts";

/** Names the folder of OpenVINO's libraries, or its C library itself. */
export const libraryVariable = "SSL_RESNEXT_OPENVINO";

/** How OpenVINO's C library is called on each system; on Linux the version may follow. */
const libraryName =
  { win32: /^openvino_c\.dll$/, darwin: /^libopenvino_c(\.\d+)*\.dylib$/ }[process.platform as string] ??
  /^libopenvino_c\.so(\.\d+)*$/;

/**
 * The path of OpenVINO's C library: what `SSL_RESNEXT_OPENVINO` names, else the first that is found in OpenVINO's own variable, the
 * active Python or conda environment, the user's and the system's Python, the loader's path, and where its packages and archives
 * put it (docs/engines.md).
 *
 * @throws SessionError `runtime/not-installed`, which says where was looked
 */
export function findOpenVino(env: NodeJS.ProcessEnv = process.env): string {
  const named = env[libraryVariable];
  if (named !== undefined && named !== "") {
    const found = libraryIn(named);
    if (found !== undefined) return found;
    throw new SessionError(
      "runtime/not-installed",
      `${libraryVariable} is ${named}, where OpenVINO's C library is not. Expected the folder that holds it, or its path; ` +
        "without the variable the usual places are looked through.",
    );
  }
  const places = usualPlaces(env);
  for (const place of places) {
    const found = libraryIn(place);
    if (found !== undefined) return found;
  }
  throw new SessionError(
    "runtime/not-installed",
    `OpenVINO is not installed: its C library is in none of ${[...new Set(places)].join(", ")}. ` +
      `Install it with "pip install openvino" (or apt, brew, conda, an archive), or name its folder in ${libraryVariable}; ` +
      "engine onnxruntime needs nothing else.",
  );
}

function usualPlaces(env: NodeJS.ProcessEnv): readonly string[] {
  // A variable that is set to nothing is not set.
  const [archive, venv, conda] = ["INTEL_OPENVINO_DIR", "VIRTUAL_ENV", "CONDA_PREFIX"].map(
    (name) => env[name] || undefined,
  );
  const home = homedir();
  const loaderPath = env[process.platform === "win32" ? "PATH" : "LD_LIBRARY_PATH"] ?? "";
  return [
    ...(archive === undefined ? [] : inArchive(archive)),
    ...(venv === undefined ? [] : sitePackages(venv)),
    ...(conda === undefined
      ? []
      : [join(conda, "lib"), join(conda, "Library", "bin"), ...sitePackages(conda)]),
    ...sitePackages(join(home, ".local")),
    ...sitePackages("/usr/local"),
    ...sitePackages("/usr"),
    ...sitePackages("/opt/homebrew"),
    ...loaderPath.split(delimiter).filter((folder) => folder !== ""),
    ...(process.platform === "win32" ? windowsPlaces(env) : unixPlaces),
  ];
}

const unixPlaces = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/local/lib",
  "/opt/homebrew/lib",
  ...inArchive("/opt/intel/openvino"),
];

function windowsPlaces({
  LOCALAPPDATA,
  "ProgramFiles(x86)": programs,
}: NodeJS.ProcessEnv): readonly string[] {
  const pythons =
    LOCALAPPDATA === undefined ? [] : below(join(LOCALAPPDATA, "Programs", "Python"), /^Python\d+$/);
  return [
    ...pythons.flatMap((python) => sitePackages(python)),
    ...(programs === undefined ? [] : inArchive(join(programs, "Intel", "openvino"))),
  ];
}

/** Where the libraries are in an archive of OpenVINO, and in what its installer makes of it. */
function inArchive(folder: string): readonly string[] {
  const { arch, platform } = process;
  const system = arch === "arm64" ? (platform === "darwin" ? "arm64" : "aarch64") : "intel64";
  const configurations = platform === "linux" ? [""] : ["Release"];
  const root = join(folder, "runtime", platform === "win32" ? "bin" : "lib", system);
  return configurations.map((configuration) => join(root, configuration));
}

/** Where pip puts the libraries below an environment, for each Python in it. */
function sitePackages(prefix: string): readonly string[] {
  const lib = join(prefix, "lib");
  const pythons = process.platform === "win32" ? [join(prefix, "Lib")] : below(lib, /^python3(\.\d+)?$/);
  return pythons.flatMap((python) =>
    ["site-packages", "dist-packages"].map((packages) => join(python, packages, "openvino", "libs")),
  );
}

/** The folders in this one whose names match, later versions first. */
function below(folder: string, name: RegExp): readonly string[] {
  const versionOf = (entry: string): number => Number(/\d+$/.exec(entry)?.[0] ?? 0);
  return entries(folder)
    .filter((entry) => name.test(entry))
    .sort((a, b) => versionOf(b) - versionOf(a))
    .map((entry) => join(folder, entry));
}

function libraryIn(place: string): string | undefined {
  if (!existsSync(place)) return undefined;
  if (!statSync(place).isDirectory())
    return libraryName.test(place.slice(dirname(place).length + 1)) ? place : undefined;
  const [first] = entries(place)
    .filter((entry) => libraryName.test(entry))
    .sort();
  return first === undefined ? undefined : join(place, first);
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there, or not ours to read: then it is not found there.
    return [];
  }
}
