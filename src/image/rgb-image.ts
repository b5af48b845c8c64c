/** An 8-bit RGB image in memory. */
export interface RgbImage {
  /** Columns, at least 1. */
  readonly width: number;
  /** Rows, at least 1. */
  readonly height: number;
  /** Rows from the top, pixels from the left, three bytes (red, green, blue) each. */
  readonly data: Uint8Array;
}
