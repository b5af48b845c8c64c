import type { InferenceSession } from "onnxruntime-node";
import type { Tensor } from "../../core/index.ts";
import { fromOrt, runFailed, toOrt } from "../../runtime/onnx-runtime.ts";
import type { SessionRequest } from "../../runtime/session.ts";
import { onnxRuntime, openInferenceSession } from "../onnx/onnx-runtime.ts";
import type { Answer, Call } from "../../runtime/thread-calls.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

/** The worker thread behind one Session: `run()` of ONNX Runtime blocks the thread that calls it. */
let session: InferenceSession | undefined;

async function open(request: SessionRequest): Promise<Answer> {
  session = await openInferenceSession(request);
  return { value: { inputNames: session.inputNames, outputNames: session.outputNames } };
}

export interface RunRequest {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[] | undefined;
}

async function run({ feeds, outputs }: RunRequest, call: Call): Promise<Answer> {
  // An abort that came during the run before this one is seen.
  await nextTurn();
  if (call.cancelled || !session) return { value: undefined };
  try {
    const ortFeeds = Object.entries(feeds).map(
      ([name, tensor]) => [name, toOrt(onnxRuntime, name, tensor)] as const,
    );
    const results = await session.run(Object.fromEntries(ortFeeds), [...(outputs ?? session.outputNames)]);
    const tensors = Object.entries(results).map(([name, result]) => [name, fromOrt(result)] as const);
    return {
      value: Object.fromEntries(tensors),
      transfer: [...new Set(tensors.map(([, { data }]) => data.buffer))],
    };
  } catch (cause) {
    throw runFailed(cause);
  }
}

answerCalls({ open, run });
