import type { Random } from "../../core/index.ts";

/**
 * Draws from Beta(alpha, alpha): x / (x + y) for two draws of Gamma(alpha).
 *
 * It is computed from logarithms: for small alpha both draws underflow.
 */
export function symmetricBeta(alpha: number, random: Random): number {
  return 1 / (1 + Math.exp(logGamma(alpha, random) - logGamma(alpha, random)));
}

/** The logarithm of a draw of Gamma(alpha) (Marsaglia and Tsang, 2000). */
function logGamma(alpha: number, random: Random): number {
  // Gamma(alpha) is Gamma(alpha + 1) · u^(1/alpha), and the method needs a shape of at least 1.
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(1 - random.uniform()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v)) {
      return Math.log(d * v);
    }
  }
}
