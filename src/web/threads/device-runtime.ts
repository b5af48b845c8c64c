import type { InferenceSession } from "onnxruntime-common";
import type { OnnxRuntime } from "../../runtime/onnx-runtime.ts";
import type { SessionRequest } from "../../runtime/session.ts";
import { openInferenceSession } from "../ort-session.ts";

/** ONNX Runtime of a worker that opens one session: the session's device decides which build it is. */
export function deviceRuntime(): {
  readonly runtime: OnnxRuntime;
  readonly openSession: (request: SessionRequest) => Promise<InferenceSession>;
} {
  let opened: OnnxRuntime | undefined;
  return {
    runtime: {
      get InferenceSession() {
        return opened!.InferenceSession;
      },
      get Tensor() {
        return opened!.Tensor;
      },
    },
    async openSession(request) {
      // One thread: others would need a page that is isolated across origins.
      const { onnxRuntime, session } = await openInferenceSession({ ...request, threads: 1 });
      opened = onnxRuntime;
      return session;
    },
  };
}
