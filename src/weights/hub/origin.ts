/** Where the bytes of a partial file came from: enough to ask for the rest of the same file. */
export interface Origin {
  readonly url: string;
  /** A strong ETag or a Last-Modified date, as If-Range wants it. */
  readonly validator: string | undefined;
  /** Length of the whole file. */
  readonly total: number | undefined;
}

/** The origin that a response names. Weak ETags promise the same meaning, not the same bytes: passed over. */
export function originOf(url: string, headers: Headers, total: number | undefined): Origin {
  const etag = headers.get("etag");
  const strong = etag !== null && etag.startsWith('"') ? etag : undefined;
  return { url, validator: strong ?? headers.get("last-modified") ?? undefined, total };
}

/** Reads what `JSON.stringify` wrote of an origin; anything else is undefined. */
export function parseOrigin(text: string | undefined): Origin | undefined {
  try {
    const value = JSON.parse(text ?? "null") as Partial<Record<keyof Origin, unknown>> | null;
    if (typeof value?.url !== "string") return undefined;
    return {
      url: value.url,
      validator: typeof value.validator === "string" ? value.validator : undefined,
      total: typeof value.total === "number" ? value.total : undefined,
    };
  } catch {
    return undefined;
  }
}
