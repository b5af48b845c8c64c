/** How {@link openImages} reads its inputs. */
export interface OpenImagesOptions {
  /**
   * Walk the names in folders and archives once beforehand, so that classes and size are known and damage is found
   * early. Without, the images come at once, and classes and size are undefined.
   *
   * @default true
   */
  readonly scan?: boolean;
  /** Column of a Parquet table that holds the images. @default the only one that can, or "image" and the like */
  readonly imageColumn?: string | undefined;
  /** Column of a Parquet table that holds the labels. @default "label" and the like, if there is one */
  readonly labelColumn?: string | undefined;
  /** What the input "-" reads. @default process.stdin */
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}
