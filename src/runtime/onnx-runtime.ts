import type {
  InferenceSession,
  InferenceSessionFactory,
  Tensor as OrtTensor,
  TensorConstructor,
} from "onnxruntime-common";
import { SessionError, type DType, type DTypeArrays, type Tensor } from "../core/index.ts";
import { engineOpenFailed, engineRunFailed, isOutOfMemory, messageOf } from "./engine-errors.ts";
import type { EngineSession } from "./engine-session.ts";
import type { Device } from "./engine.ts";

/** What onnxruntime-node and onnxruntime-web have in common, as far as it is needed here. */
export interface OnnxRuntime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

/**
 * The input of this name as ONNX Runtime's tensor, with the same memory.
 *
 * @throws SessionError `runtime/run-failed` for bfloat16, which its interface for JavaScript lacks.
 */
function toOrt(
  { Tensor }: Pick<OnnxRuntime, "Tensor">,
  name: string,
  { dtype, dims, data }: Tensor,
): OrtTensor {
  if (dtype === "bfloat16") {
    throw new SessionError(
      "runtime/run-failed",
      `Input "${name}": ONNX Runtime takes no bfloat16 from here.`,
    );
  }
  return new Tensor(dtype, data, dims);
}

/** A result, with ONNX Runtime's memory. */
function fromOrt(result: OrtTensor): Tensor {
  return { dtype: result.type as DType, dims: [...result.dims], data: result.data as DTypeArrays[DType] };
}

/** A session of ONNX Runtime as every engine has them. */
export function ortEngineSession(
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: InferenceSession,
): EngineSession {
  const { inputNames, outputNames } = session;
  const [first] = session.inputMetadata;
  const batch = first?.isTensor ? first.shape[0] : undefined;
  return {
    inputNames,
    outputNames,
    batch: typeof batch === "number" ? batch : undefined,
    async run(feeds, outputs) {
      try {
        const given = Object.entries(feeds).map(
          ([name, each]) => [name, toOrt(runtime, name, each)] as const,
        );
        const results = await session.run(Object.fromEntries(given), outputs);
        return Object.fromEntries(Object.entries(results).map(([name, each]) => [name, fromOrt(each)]));
      } catch (error) {
        throw error instanceof SessionError ? error : runFailed(error);
      }
    },
  };
}

/** What ONNX Runtime threw when it opened `model`, as an error with a code. */
export function openFailed(cause: unknown, device: Device, model: string): SessionError {
  const message = messageOf(cause);
  if (isOutOfMemory(message) || !noDevice.test(message)) {
    return engineOpenFailed("ONNX Runtime", cause, model);
  }
  return new SessionError(
    "runtime/device-unavailable",
    `Device "${device}" is not available on this machine. Use "cpu", or install its driver. ` +
      `ONNX Runtime says: ${message}`,
    { cause },
  );
}

const noDevice =
  /backend not found|failed to load (shared )?library|no supported adapters|webgpu (adapter|device)|CUDA failure|no CUDA-capable/i;

/** What ONNX Runtime threw during a run, as an error with a code. */
export const runFailed = (cause: unknown): SessionError => engineRunFailed("ONNX Runtime", cause);
