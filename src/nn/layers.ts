import { conv, flatten, gemm, globalAveragePool, maxPool, scope, type Value } from "../graph/index.ts";
import type { Forward } from "./forward.ts";

type Float = Value<"float32">;

export interface Conv2dOptions {
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** Square convolution without bias, padded so that stride 1 keeps the size. [N, C, H, W] to [N, O, H', W']. */
export function conv2d(name: string, x: Float, forward: Forward, options: Conv2dOptions): Float {
  const { outChannels, kernel, stride = 1, dilation = 1, groups = 1 } = options;
  const inChannels = x.shape[1] as number;
  const pad = (dilation * (kernel - 1)) / 2;
  // Kaiming normal for ReLU with torch's fan-out, which does not know of groups.
  const std = Math.sqrt(2 / (outChannels * kernel * kernel));
  return scope(name, () => {
    const dims = [outChannels, Math.floor(inChannels / groups), kernel, kernel];
    return conv(x, forward.parameter("weight", dims, { kind: "normal", std }), undefined, {
      group: groups,
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      dilations: [dilation, dilation],
    });
  });
}

/** Batch normalisation over the channels of [N, C, H, W]. */
export function batchNorm2d(name: string, x: Float, forward: Forward, initialWeight = 1): Float {
  const channels = [x.shape[1] as number];
  const filled = (value: number): { kind: "constant"; value: number } => ({ kind: "constant", value });
  return scope(name, () =>
    forward.normalise(
      x,
      {
        weight: forward.parameter("weight", channels, filled(initialWeight)),
        bias: forward.parameter("bias", channels, filled(0)),
        runningMean: forward.parameter("running_mean", channels, filled(0), "buffer"),
        runningVar: forward.parameter("running_var", channels, filled(1), "buffer"),
      },
      1e-5,
    ),
  );
}

/** Fully connected layer with bias. [N, C] to [N, O]. */
export function linear(name: string, x: Float, forward: Forward, outFeatures: number): Float {
  const inFeatures = x.shape[1] as number;
  const init = { kind: "uniform", bound: 1 / Math.sqrt(inFeatures) } as const;
  return scope(name, () => {
    const weight = forward.parameter("weight", [outFeatures, inFeatures], init);
    return gemm(x, weight, forward.parameter("bias", [outFeatures], init), { transB: 1 });
  });
}

/** 3x3 max-pool with stride 2. [N, C, H, W] to [N, C, H / 2, W / 2]. */
export function maxPool2d(name: string, x: Float): Float {
  return scope(name, () => maxPool(x, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }));
}

/** Mean over height and width. [N, C, H, W] to [N, C]. */
export function globalPool(name: string, x: Float): Float {
  return scope(name, () => flatten(globalAveragePool(x)));
}
