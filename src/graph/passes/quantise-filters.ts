import { tensor, type TensorSource } from "../../core/index.ts";
import { roundHalfToEven } from "../../core/round-half-to-even.ts";

type Weights = TensorSource<"float32">;

/** A convolution's filters and bias as integers, with a scale for each filter. */
export interface QuantisedFilters {
  readonly weight: TensorSource<"int8">;
  readonly weightScale: Weights;
  readonly bias: { readonly values: TensorSource<"int32">; readonly scale: Weights } | undefined;
}

/** A bias has to leave room for the sum of products in 32 bits. */
const largestBias = 2 ** 30;

/**
 * Quantises filters [O, ...] symmetrically, each with a scale of its own: w = scale · q, |q| <= `largest`. The
 * bias is in units of a product, input scale · filter scale.
 *
 * A filter that is tiny beside its bias, as a folded normalisation may leave it, gets a larger scale, so that its
 * bias still fits into 32 bits.
 */
export function quantiseFilters(
  weight: Weights,
  bias: Weights | undefined,
  inputScale: number,
  largest: number,
): QuantisedFilters {
  const filters = [weight.dims[0]!];

  const measureScales = async (): Promise<Float32Array<ArrayBuffer>> => {
    const { data } = await weight.load();
    const offsets = (await bias?.load())?.data;
    const length = data.length / filters[0]!;
    return Float32Array.from({ length: filters[0]! }, (_, filter) => {
      let most = 0;
      for (let i = filter * length; i < (filter + 1) * length; i++) most = Math.max(most, Math.abs(data[i]!));
      const least = Math.abs(offsets?.[filter] ?? 0) / (inputScale * largestBias);
      return Math.max(most / largest, least) || 1;
    });
  };
  // Four tensors need them, and they are small: the filters are read once for all.
  let measured: Promise<Float32Array<ArrayBuffer>> | undefined;
  const scales = (): Promise<Float32Array<ArrayBuffer>> => (measured ??= measureScales());
  const productScales = async (): Promise<Float32Array<ArrayBuffer>> =>
    (await scales()).map((scale) => scale * inputScale);

  return {
    weight: {
      dtype: "int8",
      dims: weight.dims,
      async load() {
        const { data } = await weight.load();
        const scale = await scales();
        const length = data.length / filters[0]!;
        const quantised = new Int8Array(data.length);
        for (const [filter, unit] of scale.entries()) {
          for (let i = filter * length; i < (filter + 1) * length; i++) {
            quantised[i] = Math.min(Math.max(roundHalfToEven(data[i]! / unit), -largest), largest);
          }
        }
        return tensor("int8", weight.dims, quantised);
      },
    },
    weightScale: float32Source(filters, scales),
    bias: bias && {
      scale: float32Source(filters, productScales),
      values: {
        dtype: "int32",
        dims: filters,
        async load() {
          const { data } = await bias.load();
          const scale = await productScales();
          return tensor(
            "int32",
            filters,
            Int32Array.from(data, (value, filter) => roundHalfToEven(value / scale[filter]!)),
          );
        },
      },
    },
  };
}

function float32Source(dims: readonly number[], values: () => Promise<Float32Array<ArrayBuffer>>): Weights {
  return { dtype: "float32", dims, load: async () => tensor("float32", dims, await values()) };
}
