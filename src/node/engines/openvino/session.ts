import { availableParallelism } from "node:os";
import { elementCount, SessionError, type Tensor } from "../../../core/index.ts";
import { viewAs } from "../../../core/tensor.ts";
import type { EngineSession, OpenEngineSession, Tensors } from "../../../runtime/engine-session.ts";
import { engineOpenFailed, engineRunFailed, modelTitle } from "../../../runtime/engine-errors.ts";
import type { Device } from "../../../runtime/engine.ts";
import type { SessionRequest } from "../../../runtime/session.ts";
import { keepCompiled } from "./compiled-models.ts";
import { probeElementTypes, type ElementTypes } from "./element-types.ts";
import { loadOpenVino, type OpenVino, type Pointer } from "./library.ts";

/** OpenVINO in this thread. */
interface Loaded {
  readonly openVino: OpenVino;
  readonly core: Pointer;
  readonly types: ElementTypes;
}

let loaded: Promise<Loaded> | undefined;

/** What has to be freed before this thread ends, the last first. */
const held: (() => void)[] = [];

async function load(): Promise<Loaded> {
  const openVino = loadOpenVino();
  const core = openVino.give("ov_core_create");
  process.on("exit", () => {
    while (held.length > 0) held.pop()!();
  });
  held.push(() => openVino.call("ov_core_free", core));
  return { openVino, core, types: await probeElementTypes(openVino, core) };
}

/**
 * Opens a model with OpenVINO in this thread, which its runs block. Each session has one stream with the threads that are asked for,
 * and computes in the precision that is asked for, not in what its device would choose. What it compiles is kept in the cache, by
 * what the model holds, OpenVINO's version and the processor.
 */
export const openOpenVinoSession: OpenEngineSession = async (request) => {
  const { openVino, core, types } = await (loaded ??= load());
  const device = request.device.toUpperCase();
  requireCapabilities(openVino, core, request.device, request.precision);
  const unlock = await keepCompiled(openVino, core, device);
  try {
    const model = readModel(openVino, core, request.model);
    try {
      const batch = fixBatch(openVino, model, ports(openVino, model, types, "input"), request.batchSize);
      const inputs = ports(openVino, model, types, "input");
      const outputs = ports(openVino, model, types, "output");
      const compiled = openVino.compile(core, model, device, {
        INFERENCE_PRECISION_HINT: request.precision === "bf16" ? "bf16" : "f32",
        NUM_STREAMS: "1",
        ...(request.device === "cpu"
          ? {
              INFERENCE_NUM_THREADS: String(request.threads),
              // Sessions that share the machine would be pinned to the same cores.
              ENABLE_CPU_PINNING: request.threads < availableParallelism() ? "NO" : "YES",
            }
          : {}),
      });
      held.push(() => openVino.call("ov_compiled_model_free", compiled));
      const inferRequest = openVino.give("ov_compiled_model_create_infer_request", compiled);
      held.push(() => openVino.call("ov_infer_request_free", inferRequest));
      return sessionOf(openVino, types, inferRequest, { inputs, outputs, batch });
    } finally {
      openVino.call("ov_model_free", model);
    }
  } catch (cause) {
    throw cause instanceof SessionError
      ? cause
      : engineOpenFailed("OpenVINO", cause, modelTitle(request.model));
  } finally {
    await unlock();
  }
};

/** @throws SessionError `runtime/device-unavailable`, `runtime/precision-unavailable` */
function requireCapabilities(
  openVino: OpenVino,
  core: Pointer,
  device: Device,
  precision: SessionRequest["precision"],
): void {
  const property = (name: string, of: string): string =>
    openVino.text(openVino.give("ov_core_get_property", core, of, name));
  const name = device.toUpperCase();
  const devices = openVino.devices(core);
  if (!devices.some((each) => each.split(".")[0] === name)) {
    throw new SessionError(
      "runtime/device-unavailable",
      `OpenVINO finds no device "${device}" on this machine, only ${devices.join(", ")}. Use "cpu", or install its driver.`,
    );
  }
  if (precision === "fp32") return;
  const capabilities = property("OPTIMIZATION_CAPABILITIES", name).split(/[ ,]+/);
  if (capabilities.includes("BF16")) return;
  throw new SessionError(
    "runtime/precision-unavailable",
    `${property("FULL_DEVICE_NAME", name)} does not multiply in bf16, OpenVINO says. Use fp32, or int8.`,
  );
}

function readModel(openVino: OpenVino, core: Pointer, model: SessionRequest["model"]): Pointer {
  return typeof model === "string"
    ? openVino.give("ov_core_read_model", core, model, null)
    : openVino.give("ov_core_read_model_from_memory_buffer", core, model, model.length, null);
}

/** The shape of a tensor. */
interface Shape {
  readonly rank: number;
  readonly dims: Pointer;
}

/** An input or output of a model. */
interface Port {
  readonly name: string;
  readonly dtype: Tensor["dtype"] | undefined;
  /** Least and largest length of each axis; -1 for any. */
  readonly dims: readonly (readonly [least: number, largest: number])[];
  readonly isScalar: boolean;
}

interface PartialShape {
  readonly rankMin: number;
  readonly rankMax: number;
  readonly dims: Pointer;
}

function ports(
  openVino: OpenVino,
  model: Pointer,
  types: ElementTypes,
  side: "input" | "output",
): readonly Port[] {
  const count = openVino.number(`ov_model_${side}s_size`, model);
  return Array.from({ length: count }, (_, index) => {
    const port = openVino.give(`ov_model_const_${side}_by_index`, model, index);
    try {
      const name = openVino.text(openVino.give("ov_port_get_any_name", port));
      const dtype = types.dtypeOf.get(openVino.number("ov_port_get_element_type", port));
      const shape = openVino.give("ov_port_get_partial_shape", port) as PartialShape;
      const limits = shape.rankMin > 0 ? openVino.integers(shape.dims, 2 * shape.rankMin) : [];
      openVino.call("ov_partial_shape_free", shape);
      return { name, dtype, dims: pairs(limits), isScalar: shape.rankMax === 0 };
    } finally {
      openVino.call("ov_output_const_port_free", port);
    }
  });
}

const pairs = (values: readonly number[]): Port["dims"] =>
  Array.from({ length: values.length / 2 }, (_, pair) => [values[2 * pair]!, values[2 * pair + 1]!]);

/** Makes the model one for `batchSize` images, where it takes any number. @returns the only number that it takes, if there is one */
function fixBatch(
  openVino: OpenVino,
  model: Pointer,
  inputs: readonly Port[],
  batchSize: number | undefined,
): number | undefined {
  const [first] = inputs;
  const [least, largest] = first?.dims[0] ?? [0, -1];
  if (least === largest) return least;
  if (batchSize === undefined) return undefined;
  const shapes = inputs.map(({ dims }) => {
    const [, ...rest] = dims;
    const limits = [[batchSize, batchSize] as const, ...rest].flat().map(BigInt);
    return openVino.give("ov_partial_shape_create", dims.length, BigInt64Array.from(limits)) as PartialShape;
  });
  const indices = BigUint64Array.from(inputs, (_, index) => BigInt(index));
  try {
    openVino.call("ov_model_reshape_by_port_indexes", model, indices, shapes, shapes.length);
  } finally {
    for (const shape of shapes) openVino.call("ov_partial_shape_free", shape);
  }
  return batchSize;
}

interface Interface {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly batch: number | undefined;
}

function sessionOf(
  openVino: OpenVino,
  types: ElementTypes,
  request: Pointer,
  { inputs, outputs, batch }: Interface,
): EngineSession {
  const setInput = (name: string, tensor: Tensor): (() => void) => {
    const dims = BigInt64Array.from(tensor.dims.map(BigInt));
    const given = openVino.give(
      "ov_tensor_create_from_host_ptr",
      types.numberOf.get(tensor.dtype),
      { rank: dims.length, dims },
      tensor.data,
    );
    const free = (): void => openVino.call("ov_tensor_free", given);
    try {
      openVino.call("ov_infer_request_set_tensor", request, name, given);
    } catch (error) {
      free();
      throw error;
    }
    return free;
  };
  // Of these it gives no shape, and an error instead.
  const scalars = new Set(outputs.filter(({ isScalar }) => isScalar).map(({ name }) => name));
  const dimsOf = (tensor: Pointer): readonly number[] => {
    const shape = openVino.give("ov_tensor_get_shape", tensor) as Shape;
    const dims = openVino.integers(shape.dims, shape.rank);
    openVino.call("ov_shape_free", shape);
    return dims;
  };
  const outputOf = (name: string): Tensor => {
    const tensor = openVino.give("ov_infer_request_get_tensor", request, name);
    try {
      const number = openVino.number("ov_tensor_get_element_type", tensor);
      const dtype = types.dtypeOf.get(number);
      if (dtype === undefined)
        throw runFailed(`output "${name}" has elements of a type that is not known here`);
      const bytes = openVino.number("ov_tensor_get_byte_size", tensor);
      const dims = scalars.has(name) ? [] : dimsOf(tensor);
      const data =
        bytes === 0 ? new ArrayBuffer(0) : openVino.bytes(openVino.give("ov_tensor_data", tensor), bytes);
      return { dtype, dims, data: viewAs(dtype, new Uint8Array(data.slice(0))) };
    } finally {
      openVino.call("ov_tensor_free", tensor);
    }
  };
  return {
    inputNames: inputs.map(({ name }) => name),
    outputNames: outputs.map(({ name }) => name),
    batch,
    run(feeds, wanted) {
      checkFeeds(inputs, feeds);
      for (const name of wanted) {
        if (!outputs.some((output) => output.name === name))
          throw runFailed(`the model has no output "${name}"`);
      }
      const given: (() => void)[] = [];
      try {
        // `feeds` lives until the run is over, and with it the memory that the tensors point to.
        for (const { name } of inputs) given.push(setInput(name, feeds[name]!));
        openVino.call("ov_infer_request_infer", request);
        return Promise.resolve(Object.fromEntries(wanted.map((name) => [name, outputOf(name)])));
      } catch (cause) {
        throw cause instanceof SessionError ? cause : runFailed(cause);
      } finally {
        for (const free of given) free();
      }
    },
  };
}

/** @throws SessionError `runtime/run-failed` for feeds that are missing, unknown, or of another type or shape than the model's */
function checkFeeds(inputs: readonly Port[], feeds: Tensors): void {
  for (const name of Object.keys(feeds)) {
    if (!inputs.some((each) => each.name === name)) throw runFailed(`the model has no input "${name}"`);
  }
  for (const { name, dtype, dims } of inputs) {
    const feed = feeds[name];
    if (!feed) throw runFailed(`input "${name}" is missing`);
    if (feed.dtype !== dtype) throw runFailed(`input "${name}" is ${dtype}, and ${feed.dtype} came`);
    const fits = dims.every(([least, largest], axis) => {
      const length = feed.dims[axis] ?? -1;
      return length >= least && (largest === -1 || length <= largest);
    });
    if (!fits || feed.dims.length !== dims.length) {
      const expected = dims.map(([least, largest]) => (least === largest ? String(least) : "any"));
      throw runFailed(`input "${name}" is [${expected.join(", ")}], and [${feed.dims.join(", ")}] came`);
    }
    if (feed.data.length !== elementCount(feed.dims)) {
      throw runFailed(`input "${name}" has ${feed.data.length} elements, not ${elementCount(feed.dims)}`);
    }
  }
}

const runFailed = (cause: unknown): SessionError => engineRunFailed("OpenVINO", cause);
