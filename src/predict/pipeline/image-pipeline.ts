import { SslResnextError } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import type { DecodeOptions, Preprocessing } from "../../image/index.ts";
import type {
  Device,
  ExecutionPlan,
  ImageFeeds,
  ImagePipeline,
  ImageResult,
  ModelFile,
  Platform,
} from "../../runtime/index.ts";
import { mapWindow } from "../../runtime/map-window.ts";
import { shareCalls, type Share } from "../../runtime/share-calls.ts";
import type { Thread } from "../../runtime/thread.ts";
import type { ImageRequest, OpenPipelineRequest, Outputs } from "./image-worker.ts";

export interface ImagePipelineOptions {
  /**
   * A model whose first input is float32 [N, 3, H, W], or what compiles it once the block size of the CPU's
   * kernels is known (`undefined` on other devices, and where there are no blocked kernels). Where N is a number,
   * it is the plan's batch size.
   */
  readonly model: ModelFile | ((blockSize: number | undefined) => Promise<ModelFile>);
  readonly preprocessing: Preprocessing;
  readonly plan: ExecutionPlan;
  /** @default "cpu" */
  readonly device?: Device;
  /** Outputs to compute. @default all of the model's */
  readonly outputs?: readonly string[];
  readonly decode?: DecodeOptions;
  readonly signal?: AbortSignal;
}

/** What a pipeline needs of its platform. */
type PipelinePlatform = Pick<Platform, "startThread" | "blockSize">;

/**
 * Opens the plan's workers, each with a session of its own; the promise settles when all sessions stand, and
 * the model's file may then be deleted.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`.
 */
export async function createImagePipeline(
  platform: PipelinePlatform,
  options: ImagePipelineOptions,
): Promise<ImagePipeline<ImageItem>> {
  const { plan, signal } = options;
  const threads = Array.from({ length: plan.workers }, () => platform.startThread("images", frugal));
  const release = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.end()));
  };
  try {
    const request = openRequest(options, await modelFile(platform, options, threads[0]!));
    await Promise.all(threads.map((thread) => thread.call("open", request, { signal })));
  } catch (error) {
    await release();
    throw error;
  }

  const share = shareCalls(threads, plan.batchSize * 2 + 1);
  return {
    run(items, { signal: runSignal, ordered = true, feeds = {} } = {}) {
      return mapWindow(items, (item, ending) => runOne(share, item, feeds, ending), {
        // One more share than the workers hold: results that wait for their turn stop nobody.
        width: (plan.workers + 1) * (plan.batchSize * 2 + 1),
        ordered,
        signal: runSignal,
      });
    },
    release,
  };
}

async function modelFile(
  { blockSize }: PipelinePlatform,
  { model, device = "cpu" }: ImagePipelineOptions,
  thread: Thread,
): Promise<ModelFile> {
  if (typeof model !== "function") return model;
  return model(device === "cpu" ? await blockSize?.("inference", thread) : undefined);
}

function openRequest(options: ImagePipelineOptions, model: ModelFile): OpenPipelineRequest {
  return {
    model,
    device: options.device ?? "cpu",
    threads: options.plan.threadsPerWorker,
    batchSize: options.plan.batchSize,
    preprocessing: options.preprocessing,
    outputs: options.outputs,
    decode: options.decode ?? {},
  };
}

async function runOne(
  share: Share,
  item: ImageItem,
  feeds: ImageFeeds,
  signal: AbortSignal,
): Promise<ImageResult<ImageItem>> {
  try {
    const request: ImageRequest = { content: item.content, feeds };
    const outputs = await share((thread) => thread.call<Outputs>("image", request, { signal }));
    return { item, outputs };
  } catch (error) {
    if (signal.aborted || !(error instanceof SslResnextError) || endsRun.has(error.code)) throw error;
    return { item, error };
  }
}

/** Most garbage here is buffers of photographs; a small young generation frees them sooner: 25 % less memory. */
const frugal = { youngGeneration: 4 };

/** Failures of the pipeline rather than of one image. */
const endsRun: ReadonlySet<string> = new Set(["runtime/no-worker-left", "runtime/released"]);
