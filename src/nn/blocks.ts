import { add, relu, scope, type Value } from "../graph/index.ts";
import { batchNorm2d, conv2d } from "./layers.ts";
import type { Forward } from "./forward.ts";

type Float = Value<"float32">;

interface BlockOptions {
  readonly planes: number;
  readonly stride: number;
  readonly cardinality: number;
  readonly baseWidth: number;
  /** Dilation of the convolution that would have the stride. */
  readonly firstDilation: number;
  readonly dilation: number;
}

export type Block = (name: string, x: Float, forward: Forward, options: BlockOptions) => Float;

/** Output channels of each kind of block, in planes. */
export const expansion = { basic: 1, bottleneck: 4 } as const;

/** Two 3x3 convolutions and the shortcut. */
export const basicBlock: Block = (name, x, forward, options) =>
  scope(name, () => {
    const { planes, stride, firstDilation, dilation } = options;
    const outChannels = planes * expansion.basic;
    let y = conv2d("conv1", x, forward, {
      outChannels: planes,
      kernel: 3,
      stride,
      dilation: firstDilation,
    });
    y = relu(batchNorm2d("bn1", y, forward));
    y = conv2d("conv2", y, forward, { outChannels, kernel: 3, dilation });
    // Zero at first, so that every block starts as the identity.
    y = batchNorm2d("bn2", y, forward, 0);
    return relu(add(forward.branch(y), shortcut(x, forward, outChannels, stride)));
  });

/** 1x1, grouped 3x3 and 1x1 convolutions and the shortcut; the 3x3 has the stride. */
export const bottleneck: Block = (name, x, forward, options) =>
  scope(name, () => {
    const { planes, stride, cardinality, baseWidth, firstDilation } = options;
    const width = Math.floor((planes * baseWidth) / 64) * cardinality;
    const outChannels = planes * expansion.bottleneck;
    let y = conv2d("conv1", x, forward, { outChannels: width, kernel: 1 });
    y = relu(batchNorm2d("bn1", y, forward));
    y = conv2d("conv2", y, forward, {
      outChannels: width,
      kernel: 3,
      stride,
      dilation: firstDilation,
      groups: cardinality,
    });
    y = relu(batchNorm2d("bn2", y, forward));
    y = conv2d("conv3", y, forward, { outChannels, kernel: 1 });
    y = batchNorm2d("bn3", y, forward, 0);
    return relu(add(forward.branch(y), shortcut(x, forward, outChannels, stride)));
  });

/** The input itself, or its projection where the block changes size or channels. */
function shortcut(x: Float, forward: Forward, outChannels: number, stride: number): Float {
  if (stride === 1 && x.shape[1] === outChannels) return x;
  return scope("downsample", () => {
    const projected = conv2d("0", x, forward, { outChannels, kernel: 1, stride });
    return batchNorm2d("1", projected, forward);
  });
}
