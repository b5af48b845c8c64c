import { tensor } from "ssl-resnext/core";

/**
 * A linear classifier by ridge regression of the one-hot classes on standardised embeddings.
 *
 * With fewer images than features the dual is the smaller problem: a = (X·Xᵀ + λI)⁻¹·Y, W = Xᵀ·a.
 *
 * @returns `fc.weight` and `fc.bias` as a state dict.
 */
export function fitClassifier(embeddings, labels, numClasses, lambda = 0.1) {
  const features = embeddings[0].length;
  const mean = columnMean(embeddings);
  const std = columnMean(embeddings.map((row) => row.map((x, f) => (x - mean[f]) ** 2))).map(Math.sqrt);
  // Rows of unit length on average, so that λ has the same meaning for any number of features.
  const scale = std.map((deviation) => 1 / (deviation * Math.sqrt(features) + 1e-12));
  const rows = embeddings.map((row) => Float64Array.from(row, (x, f) => (x - mean[f]) * scale[f]));
  const kernel = rows.map((a, i) => Float64Array.from(rows, (b, j) => dot(a, b) + (i === j ? lambda : 0)));
  const oneHot = labels.map((label) =>
    Float64Array.from({ length: numClasses }, (_, c) => (c === label ? 1 : 0)),
  );
  const dual = solve(kernel, oneHot);

  // Regression predicts 0 to 1; as logits, those want to be further apart.
  const sharpness = 8;
  const weight = new Float32Array(numClasses * features);
  const bias = new Float32Array(numClasses);
  for (let c = 0; c < numClasses; c++) {
    for (let f = 0; f < features; f++) {
      const w = sharpness * scale[f] * rows.reduce((sum, row, i) => sum + row[f] * dual[i][c], 0);
      weight[c * features + f] = w;
      bias[c] -= w * mean[f];
    }
  }
  return new Map([
    ["fc.weight", tensor("float32", [numClasses, features], weight)],
    ["fc.bias", tensor("float32", [numClasses], bias)],
  ]);
}

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

function columnMean(rows) {
  return Float64Array.from(rows[0], (_, f) => rows.reduce((sum, row) => sum + row[f], 0) / rows.length);
}

/** Solves A·X = B in place by Gauss-Jordan elimination; A is positive definite, so no pivoting is needed. */
function solve(a, b) {
  for (let p = 0; p < a.length; p++) {
    for (let r = 0; r < a.length; r++) {
      if (r === p) continue;
      const factor = a[r][p] / a[p][p];
      for (let c = p; c < a.length; c++) a[r][c] -= factor * a[p][c];
      for (let c = 0; c < b[r].length; c++) b[r][c] -= factor * b[p][c];
    }
  }
  return b.map((row, i) => row.map((x) => x / a[i][i]));
}
