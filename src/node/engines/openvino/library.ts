import { createRequire } from "node:module";
import { SessionError } from "../../../core/errors.ts";
import { findOpenVino, libraryVariable } from "./find-library.ts";

/** An address in the library's memory. */
export type Pointer = unknown;

type Properties = Readonly<Record<string, string>>;

/** The functions of OpenVINO's C interface that are used, by their names. */
const prototypes = {
  ov_core_create: "int ov_core_create(_Out_ void **core)",
  ov_core_free: "void ov_core_free(void *core)",
  ov_core_read_model:
    "int ov_core_read_model(void *core, const char *path, const char *weights, _Out_ void **model)",
  ov_core_read_model_from_memory_buffer:
    "int ov_core_read_model_from_memory_buffer(void *core, const uint8_t *model, size_t length, void *weights, _Out_ void **read)",
  ov_core_get_available_devices:
    "int ov_core_get_available_devices(void *core, _Out_ ov_available_devices_t *devices)",
  ov_available_devices_free: "void ov_available_devices_free(ov_available_devices_t *devices)",
  ov_core_get_property:
    "int ov_core_get_property(void *core, const char *device, const char *name, _Out_ void **value)",
  ov_core_set_property: "int ov_core_set_property(void *core, const char *device, ...)",
  ov_core_compile_model:
    "int ov_core_compile_model(void *core, void *model, const char *device, size_t arguments, _Out_ void **compiled, ...)",
  ov_model_free: "void ov_model_free(void *model)",
  ov_model_inputs_size: "int ov_model_inputs_size(void *model, _Out_ size_t *size)",
  ov_model_outputs_size: "int ov_model_outputs_size(void *model, _Out_ size_t *size)",
  ov_model_const_input_by_index:
    "int ov_model_const_input_by_index(void *model, size_t index, _Out_ void **port)",
  ov_model_const_output_by_index:
    "int ov_model_const_output_by_index(void *model, size_t index, _Out_ void **port)",
  ov_model_reshape_by_port_indexes:
    "int ov_model_reshape_by_port_indexes(void *model, const size_t *ports, const ov_partial_shape_t *shapes, size_t size)",
  ov_port_get_any_name: "int ov_port_get_any_name(void *port, _Out_ void **name)",
  ov_port_get_element_type: "int ov_port_get_element_type(void *port, _Out_ int *type)",
  ov_port_get_partial_shape: "int ov_port_get_partial_shape(void *port, _Out_ ov_partial_shape_t *shape)",
  ov_output_const_port_free: "void ov_output_const_port_free(void *port)",
  // Dimensions are pairs of their least and largest value.
  ov_partial_shape_create:
    "int ov_partial_shape_create(int64_t rank, const int64_t *dims, _Out_ ov_partial_shape_t *shape)",
  ov_partial_shape_free: "void ov_partial_shape_free(ov_partial_shape_t *shape)",
  ov_compiled_model_create_infer_request:
    "int ov_compiled_model_create_infer_request(void *compiled, _Out_ void **request)",
  ov_compiled_model_free: "void ov_compiled_model_free(void *compiled)",
  ov_infer_request_set_tensor:
    "int ov_infer_request_set_tensor(void *request, const char *name, void *tensor)",
  ov_infer_request_infer: "int ov_infer_request_infer(void *request)",
  ov_infer_request_get_tensor:
    "int ov_infer_request_get_tensor(void *request, const char *name, _Out_ void **tensor)",
  ov_infer_request_free: "void ov_infer_request_free(void *request)",
  ov_tensor_create_from_host_ptr:
    "int ov_tensor_create_from_host_ptr(int type, ov_shape_t shape, void *data, _Out_ void **tensor)",
  ov_tensor_get_shape: "int ov_tensor_get_shape(void *tensor, _Out_ ov_shape_t *shape)",
  ov_tensor_get_element_type: "int ov_tensor_get_element_type(void *tensor, _Out_ int *type)",
  ov_tensor_get_byte_size: "int ov_tensor_get_byte_size(void *tensor, _Out_ size_t *bytes)",
  ov_tensor_data: "int ov_tensor_data(void *tensor, _Out_ void **data)",
  ov_tensor_free: "void ov_tensor_free(void *tensor)",
  ov_shape_free: "int ov_shape_free(ov_shape_t *shape)",
  ov_free: "void ov_free(void *content)",
} as const;

type FunctionName = keyof typeof prototypes;

/** OpenVINO, loaded into this thread. Its functions throw what it says of a failure; their last argument is what they give. */
export interface OpenVino {
  /** As it names itself, such as `2026.4.1-22098-…`. */
  readonly version: string;
  /** Calls a function that gives nothing. */
  call(name: FunctionName, ...given: readonly unknown[]): void;
  /** Calls a function that gives an address or a structure in the place of its last argument. */
  give(name: FunctionName, ...given: readonly unknown[]): Pointer;
  /** Calls one that gives a number. */
  number(name: FunctionName, ...given: readonly unknown[]): number;
  /** The devices that it finds, by its own names. */
  devices(core: Pointer): readonly string[];
  setProperty(core: Pointer, device: string, name: string, value: string): void;
  compile(core: Pointer, model: Pointer, device: string, properties: Properties): Pointer;
  /** The text at an address that a function gave; the address is freed. */
  text(given: Pointer): string;
  /** `count` integers of 64 bits at an address. */
  integers(at: Pointer, count: number): readonly number[];
  /** The bytes at an address: the library's memory, not a copy. */
  bytes(at: Pointer, length: number): ArrayBuffer;
}

/** The oldest version whose interface is known to be this one. */
const oldest = "2024.0";

/**
 * Loads OpenVINO's C library with koffi.
 *
 * @throws SessionError `runtime/not-installed` without one of the two, `runtime/engine-unavailable` for versions before 2024.0 and
 *   libraries that cannot be loaded
 */
export function loadOpenVino(): OpenVino {
  const koffi = loadKoffi();
  const path = findOpenVino();
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SessionError(
      "runtime/engine-unavailable",
      `OpenVINO's library ${path} cannot be loaded: ${why}. It may be of another system, or lack libraries beside it; ` +
        `${libraryVariable} names another one.`,
      { cause },
    );
  }
  koffi.struct("ov_shape_t", { rank: "int64_t", dims: "int64_t *" });
  koffi.struct("ov_available_devices_t", { devices: "void *", size: "size_t" });
  koffi.struct("ov_partial_shape_t", { rankMin: "int64_t", rankMax: "int64_t", dims: "void *" });
  const version = versionOf(koffi, library, path);
  const functions = Object.fromEntries(
    Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype)]),
  ) as Readonly<Record<FunctionName, ReturnType<typeof library.func>>>;
  const lastError = library.func("const char *ov_get_last_err_msg()");

  const call = (name: FunctionName, ...given: readonly unknown[]): void => {
    const status = functions[name](...given) as number | undefined;
    if (status === undefined || status === 0) return;
    throw new Error(withoutPlaces((lastError() as string | null) ?? "") || `${name} failed with ${status}`);
  };
  const give = (name: FunctionName, ...given: readonly unknown[]): Pointer => {
    const place: [Pointer] = [null];
    call(name, ...given, place);
    return place[0];
  };
  const variadic = (properties: Properties): readonly unknown[] =>
    Object.entries(properties).flatMap(([name, value]) => ["const char *", name, "const char *", value]);
  return {
    version,
    call,
    give,
    number: (name, ...given) => Number(give(name, ...given)),
    devices(core) {
      const given = give("ov_core_get_available_devices", core) as {
        readonly devices: Pointer;
        readonly size: number;
      };
      const names = koffi.decode(given.devices, koffi.array("const char *", given.size)) as string[];
      call("ov_available_devices_free", given);
      return names;
    },
    setProperty: (core, device, name, value) =>
      call("ov_core_set_property", core, device, ...variadic({ [name]: value })),
    compile(core, model, device, properties) {
      const place: [Pointer] = [null];
      const count = 2 * Object.keys(properties).length;
      call("ov_core_compile_model", core, model, device, count, place, ...variadic(properties));
      return place[0];
    },
    text(given) {
      const text = koffi.decode.string(given);
      call("ov_free", given);
      return text;
    },
    integers: (at, count) => [...new BigInt64Array(koffi.view(at, 8 * count))].map(Number),
    bytes: (at, length) => koffi.view(at, length),
  };
}

/** What OpenVINO says, without the places in its sources where it says so. */
const withoutPlaces = (message: string): string =>
  message
    .replace(/(Exception from|Check '.*?' failed at) \S+:\d+:?/g, "")
    .replace(/\s+/g, " ")
    .trim();

function loadKoffi(): typeof import("koffi") {
  try {
    return createRequire(import.meta.url)("koffi") as typeof import("koffi");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
    throw new SessionError(
      "runtime/not-installed",
      `Engine openvino calls OpenVINO's library through the package koffi, which cannot be loaded (${why}). ` +
        "Install it beside ssl-resnext: npm install koffi.",
      { cause },
    );
  }
}

/** @throws SessionError `runtime/engine-unavailable` for a version that is too old */
function versionOf(
  koffi: typeof import("koffi"),
  library: ReturnType<(typeof koffi)["load"]>,
  path: string,
): string {
  koffi.struct("ov_version_t", { buildNumber: "const char *", description: "const char *" });
  const found: { buildNumber?: string } = {};
  library.func("int ov_get_openvino_version(_Out_ ov_version_t *version)")(found);
  const version = found.buildNumber ?? "unknown";
  const [year] = version.split(".").map(Number);
  if (year !== undefined && year < Number(oldest.split(".")[0])) {
    throw new SessionError(
      "runtime/engine-unavailable",
      `${path} is OpenVINO ${version}; ${oldest} or later is needed: pip install --upgrade openvino. ` +
        `${libraryVariable} names another one.`,
    );
  }
  return version;
}
