import { formsOf, peerForms, type PeerForm } from "../fixtures/peer-forms.ts";
import type { WeightFiles } from "../fixtures/weights.ts";
import { startPythonPeer } from "../measure/python-peer.ts";

/** How a pipeline in Python is laid out. */
export interface PeerSetting {
  readonly form: PeerForm;
  readonly decoder: "pillow" | "torchvision";
  readonly batch: number;
  /** Workers of the DataLoader; 0 decodes in the process itself. */
  readonly workers: number;
  /** Threads of PyTorch in each process. */
  readonly threads: number;
  /** Processes that each run the whole pipeline over their share of the photographs. */
  readonly processes: number;
}

export function describeSetting({ form, decoder, batch, workers, threads, processes }: PeerSetting): string {
  const split = processes === 1 ? "" : `${processes} processes, `;
  return `${peerForms[form].name}, ${decoder}: ${split}batch ${batch}, ${workers} loader workers, ${threads} threads`;
}

/** The forms that the interpreter has, of these, and the versions of its libraries. */
export async function pipelinePeer(
  wanted: readonly PeerForm[],
): Promise<{ readonly forms: readonly PeerForm[]; readonly versions: string }> {
  const peer = startPythonPeer("pipeline.py");
  try {
    return { forms: await formsOf(peer, wanted), versions: await peer.call<string>("versions") };
  } finally {
    await peer.end();
  }
}

export interface PeerPipeline {
  /** One pass over the files. */
  run(): Promise<{ readonly seconds: number; readonly best: readonly number[] }>;
  end(): Promise<void>;
}

interface Pass {
  readonly seconds: number;
  readonly best: readonly number[];
}

/** Starts the processes of a setting, each with its share of the files. */
export async function openPeerPipeline(
  setting: PeerSetting,
  { pth, onnx }: WeightFiles,
  files: readonly string[],
): Promise<PeerPipeline> {
  const { processes, ...layout } = setting;
  const share = Math.ceil(files.length / processes);
  const peers = await Promise.all(
    Array.from({ length: processes }, async (_, index) => {
      const peer = startPythonPeer("pipeline.py");
      const part = files.slice(index * share, (index + 1) * share);
      await peer.call("load", { ...layout, weights: pth, onnx, files: part });
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

/** What to call the settings that were found fastest, those that there are. */
export function namedSettings(
  settings: Readonly<Partial<Record<keyof typeof settingNames, PeerSetting | undefined>>>,
): readonly (readonly [name: string, PeerSetting])[] {
  return Object.entries(settingNames).flatMap(([kind, name]) => {
    const setting = settings[kind as keyof typeof settingNames];
    return setting ? [[name, setting] as const] : [];
  });
}

export const settingNames = {
  loader: "Python, the best pipeline in float32",
  eager: "Python, PyTorch's eager channels-last",
  split: "Python, a pipeline per core",
  bf16: "Python, the best pipeline in bfloat16",
  int8: "Python, the best pipeline in int8",
} as const;
