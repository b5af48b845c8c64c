import { TensorProto_DataType as DataType } from "onnx-buf";
import type { DType } from "../../core/index.ts";

/** ONNX's number for each dtype. */
export const onnxType: Readonly<Record<DType, DataType>> = {
  float64: DataType.DOUBLE,
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  int16: DataType.INT16,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};
