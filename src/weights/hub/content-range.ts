/** The bytes that a 206 response carries, or the length that a 416 response names. */
export interface ContentRange {
  readonly start: number | undefined;
  readonly total: number | undefined;
}

/** Reads a Content-Range header (RFC 9110, section 14.4); undefined when it is absent or no range of bytes. */
export function parseContentRange(value: string | null): ContentRange | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(value?.trim() ?? "");
  if (match === null) return undefined;
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === "*" ? undefined : Number(text);
  return { start: number(match[1]), total: number(match[2]) };
}
