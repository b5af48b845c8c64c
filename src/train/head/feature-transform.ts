import { seededRandom, tensor } from "../../core/index.ts";
import {
  add,
  buildGraph,
  div,
  float32,
  gemm,
  input,
  lower,
  matMul,
  mul,
  reduceSum,
  reshape,
  sqrt,
  standard,
  sub,
  type Graph,
  type Value,
} from "../../graph/index.ts";
import { openSession, type ModelPlatform } from "../../predict/index.ts";

/** Embeddings of images, one a row. */
export interface Embeddings {
  readonly rows: number;
  /** Numbers of one embedding. */
  readonly length: number;
  /** [rows, length] */
  readonly features: Float32Array<ArrayBuffer>;
}

/** How a classifier sees embeddings: as they are, or so that directions in which many images vary a lot count less. */
export type Features = "as they are" | "half-whitened";

/** What a classifier sees of an embedding e: z = (e - mean) · projection / scale. */
export interface FeatureTransform {
  /** [length] */
  readonly mean: Float32Array<ArrayBuffer>;
  /** Symmetric [length, length]; undefined where the directions stay as they are. */
  readonly projection: Float32Array<ArrayBuffer> | undefined;
  /** Root mean square length of (e - mean) · projection, so that of z is 1. */
  readonly scale: number;
}

/** A linear classifier as state dicts hold it: weight [classes, features], bias [classes]. */
export interface LinearHead {
  readonly weight: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

/** The transform that moves the mean to 0 and makes the mean square length 1. */
export function centring({ rows, length, features }: Embeddings): FeatureTransform {
  const sums = new Float64Array(length);
  for (let i = 0; i < features.length; i++) sums[i % length]! += features[i]!;
  const mean = Float32Array.from(sums, (sum) => sum / rows);
  let squares = 0;
  for (let i = 0; i < features.length; i++) squares += (features[i]! - mean[i % length]!) ** 2;
  return { mean, projection: undefined, scale: Math.sqrt(squares / rows) || 1 };
}

/**
 * The transform that makes the directions of embeddings more alike: the covariance C of many images to the power -1/4,
 * half of what would make all directions equal. What few labels cannot tell, that a direction in which all images vary a lot
 * says little of any class, is taken from images without labels, whatever they show.
 *
 * projection = (C + 0.001 · λ · I)^(-1/4), where λ is the largest eigenvalue of C. With C = V · diag(l) · Vᵀ that is
 * V · diag((l + 0.001 · λ)^(-1/4)) · Vᵀ: the last factor is a rotation, to which a penalty on the squared weights, and lengths,
 * are blind.
 *
 * @returns undefined when all embeddings are equal.
 * @throws SessionError
 */
export async function halfWhitening(
  platform: ModelPlatform,
  embeddings: Embeddings,
): Promise<FeatureTransform | undefined> {
  const { rows, length } = embeddings;
  const { mean } = centring(embeddings);
  const session = await openSession(platform, whiteningGraph(rows, length));
  try {
    const outputs = await session.run(
      { centred: tensor("float32", [rows, length], shifted(embeddings.features, mean, 1)) },
      { transfer: true },
    );
    const projection = outputs["projection"]!.data as Float32Array<ArrayBuffer>;
    const scale = Math.sqrt(Number(outputs["mean_square"]!.data[0]));
    return Number.isFinite(scale) && scale > 0 ? { mean, projection, scale } : undefined;
  } finally {
    await session.release();
  }
}

/** Embeddings as the classifier sees them. @throws SessionError */
export async function transform(
  platform: ModelPlatform,
  embeddings: Embeddings,
  by: FeatureTransform,
): Promise<Float32Array<ArrayBuffer>> {
  const { rows, length, features } = embeddings;
  const { projection } = by;
  const centred = shifted(features, by.mean, by.scale);
  if (!projection) return centred;
  const x = input("x", "float32", [rows, length]);
  const y = input("projection", "float32", [length, length]);
  const session = await openSession(platform, buildGraph({ z: matMul(x, y) }));
  try {
    const { z } = await session.run({
      x: tensor("float32", [rows, length], centred),
      projection: tensor("float32", [length, length], projection),
    });
    return z!.data as Float32Array<ArrayBuffer>;
  } finally {
    await session.release();
  }
}

/**
 * What a linear classifier makes of embeddings as it sees them: [rows, classes].
 *
 * @param parameters Weight [features, classes] and bias [classes].
 * @throws SessionError
 */
export async function headLogits(
  platform: ModelPlatform,
  { rows, length, features }: Embeddings,
  parameters: Float32Array<ArrayBuffer>,
): Promise<Float32Array<ArrayBuffer>> {
  const classes = parameters.length / (length + 1);
  const x = input("x", "float32", [rows, length]);
  const weight = input("weight", "float32", [length, classes]);
  const bias = input("bias", "float32", [classes]);
  const session = await openSession(platform, buildGraph({ logits: gemm(x, weight, bias) }));
  try {
    const { logits } = await session.run({
      x: tensor("float32", [rows, length], features),
      weight: tensor("float32", [length, classes], parameters.slice(0, length * classes)),
      bias: tensor("float32", [classes], parameters.slice(length * classes)),
    });
    return logits!.data as Float32Array<ArrayBuffer>;
  } finally {
    await session.release();
  }
}

/** The same embeddings, or labelled ones, with features as the classifier sees them. @throws SessionError */
export async function asSeen<Some extends Embeddings>(
  platform: ModelPlatform,
  embeddings: Some,
  by: FeatureTransform,
): Promise<Some> {
  return { ...embeddings, features: await transform(platform, embeddings, by) };
}

/** (e - mean) / scale. */
function shifted(
  features: Float32Array<ArrayBuffer>,
  mean: Float32Array,
  scale: number,
): Float32Array<ArrayBuffer> {
  return features.map((value, i) => (value - mean[i % mean.length]!) / scale);
}

/**
 * The same classifier for embeddings as they come: w · P · (e - m) / s + b = (w · P / s) · e + (b - (w · P / s) · m).
 *
 * @param parameters Weight [features, classes] and bias [classes] for features that were transformed.
 */
export function foldTransform(
  parameters: Float32Array,
  numClasses: number,
  { mean, projection, scale }: FeatureTransform,
): LinearHead {
  const length = mean.length;
  const weight = new Float32Array(length * numClasses);
  const bias = new Float32Array(numClasses);
  for (let k = 0; k < numClasses; k++) {
    const own = Float64Array.from({ length }, (_, j) => parameters[j * numClasses + k]! / scale);
    let offset = parameters[length * numClasses + k]!;
    for (let i = 0; i < length; i++) {
      let sum = own[i]!;
      if (projection) {
        sum = 0;
        for (let j = 0; j < length; j++) sum += projection[i * length + j]! * own[j]!;
      }
      weight[k * length + i] = sum;
      // With the weight as it was rounded, so that the mean embedding gets the logits of the mean.
      offset -= weight[k * length + i]! * mean[i]!;
    }
    bias[k] = offset;
  }
  return { weight, bias };
}

type Float = Value<"float32">;

/** What is added to every eigenvalue, as a share of the largest: directions below it count as noise. */
const floor = 1e-3;
const powerIterations = 60;

/**
 * The inverse fourth root of a covariance by matrix products alone.
 *
 * Input `centred` [rows, length], whose columns have mean 0. Outputs `projection` [length, length] and `mean_square` [], the mean
 * square length of centred · projection.
 */
function whiteningGraph(rows: number, length: number): Graph {
  const centred = input("centred", "float32", [rows, length]);
  const covariance = mul(gemm(centred, centred, undefined, { transA: 1 }), float32(1 / (rows - 1)));
  const largest = largestEigenvalue(covariance, length);
  const identity = float32(
    Array.from({ length: length * length }, (_, i) => (i % (length + 1) === 0 ? 1 : 0)),
    [length, length],
  );
  const size = mul(largest, float32(1 + floor));
  const matrix = div(add(covariance, mul(identity, mul(largest, float32(floor)))), size);
  const projection = div(inverseFourthRoot(matrix, identity), sqrt(sqrt(size)));
  const z = matMul(centred, projection);
  const meanSquare = mul(reduceSum(mul(z, z), [0, 1], { keepdims: 0 }), float32(1 / rows));
  return lower(buildGraph({ projection, mean_square: meanSquare }), standard);
}

/** By power iteration: the Rayleigh quotient of what a random direction turns into. */
function largestEigenvalue(matrix: Float, length: number): Float {
  const random = seededRandom(0);
  let direction = float32(
    Array.from({ length }, () => random.normal()),
    [length, 1],
  );
  const dot = (a: Float, b: Float): Float => reshape(reduceSum(mul(a, b), [0, 1]), [1, 1]);
  for (let i = 0; i < powerIterations; i++) {
    const next = matMul(matrix, direction);
    direction = div(next, sqrt(dot(next, next)));
  }
  return reshape(dot(direction, matMul(matrix, direction)), []);
}

/**
 * Coupled iteration after Guo and Higham, "A Schur-Newton Method for the Matrix pth Root and its Inverse" (2006), with p = 4:
 * M = A, X = I; T = aI - bM, X = X · T, M = T⁴ · M, which is the identity in the end. Newton's a = 5/4, b = 1/4 raise small
 * eigenvalues by 2.4 a step only; the first steps take larger ones, as far as the eigenvalues are known to reach.
 *
 * @param matrix Symmetric, with eigenvalues from 0.001 to 1.
 */
function inverseFourthRoot(matrix: Float, identity: Float): Float {
  let rest = matrix;
  let root: Float | undefined;
  for (const { a, b } of rootSteps(floor / (1 + floor))) {
    const factor = sub(mul(identity, float32(a)), mul(rest, float32(b)));
    root = root ? matMul(root, factor) : factor;
    const square = matMul(factor, factor);
    rest = matMul(square, matMul(square, rest));
  }
  return root!;
}

/**
 * The steps for eigenvalues from `least` to 1. A step turns l into l · (a - bl)⁴, at most 1 where b = a/5 · (4a/5)⁴; the best a
 * makes both ends of the range equal.
 */
function rootSteps(least: number): readonly { readonly a: number; readonly b: number }[] {
  const step = (a: number) => ({ a, b: (a / 5) * ((4 * a) / 5) ** 4 });
  const turned = (l: number, a: number): number => l * (a - step(a).b * l) ** 4;
  const steps: { readonly a: number; readonly b: number }[] = [];
  for (let l = least; 1 - l > 1e-7;) {
    let [low, high] = [5 / 4, 7 / 4];
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (turned(l, middle) < turned(1, middle)) low = middle;
      else high = middle;
    }
    steps.push(step(low));
    l = turned(l, low);
  }
  return steps;
}
