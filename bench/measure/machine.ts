import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { env } from "onnxruntime-node";
import sharp from "sharp";
import { python } from "../paths.ts";

/** Where and with what a benchmark ran. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** SIMD extensions that decide which kernels run. */
  readonly simd: readonly string[];
  readonly memoryGB: number;
  readonly software: Readonly<Record<string, string>>;
  /** Processes that wanted to run in the minute before. */
  readonly loadBefore: number;
  /** Day, in UTC. */
  readonly date: string;
}

const notable = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"];

export function describeMachine(): Machine {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  const version =
    "import torch, torchvision, PIL; print(torch.__version__, torchvision.__version__, PIL.__version__)";
  const [torch = "", torchvision = "", pillow = ""] = execFileSync(python, ["-c", version], {
    encoding: "utf8",
  })
    .trim()
    .split(" ");
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    simd: notable.filter((flag) => flags.has(flag)),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    software: {
      "Node.js": process.versions.node,
      "ONNX Runtime": env.versions.node ?? env.versions.common,
      sharp: sharp.versions.sharp ?? "unknown",
      PyTorch: torch,
      torchvision,
      Pillow: pillow,
    },
    loadBefore: loadavg()[0]!,
    date: new Date().toISOString().slice(0, 10),
  };
}
