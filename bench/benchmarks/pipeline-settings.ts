import { startPythonPeer } from "../measure/python-peer.ts";

/** How a PyTorch pipeline is laid out. */
export interface TorchSetting {
  /** `jit` is traced, frozen and passed through optimize_for_inference; the others are eager. */
  readonly form: "jit" | "jit-channels-last" | "channels-last";
  readonly batch: number;
  /** Workers of the DataLoader; 0 decodes in the process itself. */
  readonly workers: number;
  /** Threads of PyTorch in each process. */
  readonly threads: number;
  /** Processes that each run the whole pipeline over their share of the photographs. */
  readonly processes: number;
}

export function describeSetting({ batch, workers, threads, processes }: TorchSetting): string {
  const split = processes === 1 ? "" : `${processes} processes, `;
  return `${split}batch ${batch}, ${workers} loader workers, ${threads} threads`;
}

export interface TorchPipeline {
  /** One pass over the files. */
  run(): Promise<{ readonly seconds: number; readonly best: readonly number[] }>;
  end(): Promise<void>;
}

interface Pass {
  readonly seconds: number;
  readonly best: readonly number[];
}

/** Starts the processes of a setting, each with its share of the files. */
export async function openTorchPipeline(
  setting: TorchSetting,
  weights: string,
  files: readonly string[],
): Promise<TorchPipeline> {
  const { form, batch, workers, threads, processes } = setting;
  const share = Math.ceil(files.length / processes);
  const peers = await Promise.all(
    Array.from({ length: processes }, async (_, index) => {
      const peer = startPythonPeer("pipeline.py");
      const part = files.slice(index * share, (index + 1) * share);
      await peer.call("load", { weights, form, batch, threads, workers, files: part });
      return peer;
    }),
  );
  return {
    async run() {
      const passes = await Promise.all(peers.map((peer) => peer.call<Pass>("run")));
      return {
        seconds: Math.max(...passes.map(({ seconds }) => seconds)),
        best: passes.flatMap(({ best }) => best),
      };
    },
    async end() {
      await Promise.all(peers.map((peer) => peer.end()));
    },
  };
}
