/** Embeddings and their classes. */
export interface Examples {
  readonly rows: number;
  /** Numbers of one embedding. */
  readonly length: number;
  readonly numClasses: number;
  /** [rows, length] */
  readonly features: Float32Array<ArrayBuffer>;
  /** Class index of each row. */
  readonly labels: Int32Array<ArrayBuffer>;
}
