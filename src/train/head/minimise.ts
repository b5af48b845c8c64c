/** A function's value and gradient at a point. */
export interface Evaluation {
  readonly value: number;
  readonly gradient: Float32Array;
}

export interface MinimiseOptions {
  /** Whether a point is good enough. */
  readonly done: (value: number, squaredGradientNorm: number) => boolean;
  /** @default 300 */
  readonly maxIterations?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Minimum {
  readonly point: Float32Array<ArrayBuffer>;
  readonly value: number;
  readonly iterations: number;
}

/** Steps that are remembered. */
const memory = 10;
/** Share of the decrease that the slope promises which a step must bring. */
const sufficient = 1e-4;

interface Step {
  readonly moved: Float32Array;
  readonly turned: Float32Array;
  readonly curvature: number;
}

/**
 * Minimises a smooth convex function by L-BFGS (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5)
 * with a backtracking line search. Ends when `done`, when no step helps any more at the precision of the function,
 * or after `maxIterations`.
 */
export async function minimise(
  evaluate: (point: Float32Array<ArrayBuffer>) => Promise<Evaluation>,
  start: Float32Array<ArrayBuffer>,
  { done, maxIterations = 300, signal }: MinimiseOptions,
): Promise<Minimum> {
  const steps: Step[] = [];
  let point = start;
  let { value, gradient } = await evaluate(point);
  let iterations = 0;
  while (iterations < maxIterations && !done(value, dot(gradient, gradient))) {
    signal?.throwIfAborted();
    const direction = descent(gradient, steps);
    const slope = dot(gradient, direction);
    let rate = steps.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    let next = await evaluateAlong(rate);
    while (!(next.value <= value + sufficient * rate * slope) && rate > 1e-6) {
      // The minimum of the parabola through both values and the slope, kept within reach.
      const parabola = (-slope * rate * rate) / (2 * (next.value - value - slope * rate));
      rate = Math.min(0.5 * rate, Math.max(0.1 * rate, Number.isFinite(parabola) ? parabola : 0));
      next = await evaluateAlong(rate);
    }
    if (!(next.value < value)) break;
    remember(steps, subtract(next.point, point), subtract(next.gradient, gradient));
    ({ point, value, gradient } = next);
    iterations++;

    async function evaluateAlong(by: number): Promise<Evaluation & { readonly point: typeof point }> {
      const there = point.map((x, i) => x + by * direction[i]!);
      return { point: there, ...(await evaluate(there)) };
    }
  }
  return { point, value, iterations };
}

/** Minus the gradient, scaled by the curvature that the steps have met. */
function descent(gradient: Float32Array, steps: readonly Step[]): Float32Array {
  const direction = gradient.map((value) => -value);
  const shares: number[] = [];
  for (const { moved, turned, curvature } of steps.toReversed()) {
    const share = dot(moved, direction) / curvature;
    addScaled(direction, turned, -share);
    shares.push(share);
  }
  const last = steps.at(-1);
  if (last) {
    const scale = last.curvature / dot(last.turned, last.turned);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { moved, turned, curvature } of steps) {
    addScaled(direction, moved, shares.pop()! - dot(turned, direction) / curvature);
  }
  return direction;
}

function remember(steps: Step[], moved: Float32Array, turned: Float32Array): void {
  const curvature = dot(moved, turned);
  if (!(curvature > 0)) return;
  steps.push({ moved, turned, curvature });
  if (steps.length > memory) steps.shift();
}

/** In float64. */
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(to: Float32Array, what: Float32Array, scale: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += scale * what[i]!;
}

const subtract = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, i) => value - b[i]!);
