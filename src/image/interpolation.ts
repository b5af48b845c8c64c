/** Pillow's resampling filters, named as timm's configurations name them. */
export type Interpolation = "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

interface ResampleFilter {
  /** Half of the filter's width, in source pixels at scale 1. */
  readonly support: number;
  /** Weight at distance `x` from the centre, |x| <= support. */
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** The filters as Pillow defines them; bicubic is Keys' cubic with a = -0.5. */
export const resampleFilters: Readonly<Record<Interpolation, ResampleFilter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI))),
  },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};
