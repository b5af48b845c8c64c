import { dtypes, type DType } from "../../../core/index.ts";
import { buildGraph, cast, input, lower, modelBytes, standard, type Value } from "../../../graph/index.ts";
import type { OpenVino, Pointer } from "./library.ts";

/** The numbers that OpenVINO has for the types of elements, both ways. */
export interface ElementTypes {
  readonly numberOf: ReadonlyMap<DType, number>;
  readonly dtypeOf: ReadonlyMap<number, DType>;
}

/** Finds these numbers, which differ between versions, by a model that has an input of each type. */
export async function probeElementTypes(openVino: OpenVino, core: Pointer): Promise<ElementTypes> {
  const outputs: Record<string, Value> = {};
  for (const dtype of dtypes) {
    outputs[`of_${dtype}`] = cast(input(dtype, dtype, [1]), dtype === "float32" ? "float64" : "float32");
  }
  const bytes = await modelBytes(lower(buildGraph(outputs), standard));
  const model = openVino.give("ov_core_read_model_from_memory_buffer", core, bytes, bytes.length, null);
  const numberOf = new Map<DType, number>();
  try {
    for (let index = 0; index < dtypes.length; index++) {
      const port = openVino.give("ov_model_const_input_by_index", model, index);
      const dtype = openVino.text(openVino.give("ov_port_get_any_name", port)) as DType;
      numberOf.set(dtype, openVino.number("ov_port_get_element_type", port));
      openVino.call("ov_output_const_port_free", port);
    }
  } finally {
    openVino.call("ov_model_free", model);
  }
  return { numberOf, dtypeOf: new Map([...numberOf].map(([dtype, number]) => [number, dtype])) };
}
