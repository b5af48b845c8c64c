import { SessionError } from "../../core/errors.ts";
import type { Answer, Methods } from "../../runtime/thread-calls.ts";
import { stepWorker, type OpenStepRequest } from "../../train/step/step-worker.ts";
import { answerCalls } from "../answer-calls.ts";
import { openOnnxRuntime } from "../ort-session.ts";

let methods: Methods = {};

/** The device decides which build of ONNX Runtime takes the steps. */
async function open(request: OpenStepRequest): Promise<Answer> {
  const { onnxRuntime, options } = await openOnnxRuntime(request.device);
  // WebAssembly copies what it is given, and never writes into it.
  methods = stepWorker({ runtime: onnxRuntime, sessionOptions: () => options, writesInto: false });
  return methods["open"]!(request as never, { cancelled: false });
}

const opened =
  (name: string): Methods[string] =>
  (argument, call) => {
    const method = methods[name];
    if (method) return method(argument, call);
    throw new SessionError("runtime/run-failed", "A step was asked for before a program was opened.");
  };

answerCalls({
  open,
  ...Object.fromEntries(
    ["step", "gradients", "update", "discard", "read", "write"].map((name) => [name, opened(name)]),
  ),
});
