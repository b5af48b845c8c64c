import { ask, type ObjectSource } from "./object-source.ts";
import { s3Name } from "./s3-source.ts";

/** What stands below a prefix, up to the next slash or all of it. */
export interface S3Listing {
  readonly keys: readonly string[];
  /** Without the slash at their end. */
  readonly folders: readonly string[];
}

interface ListOptions {
  /** Whether what lies in folders below is listed too. */
  readonly deep?: boolean;
  /** How many are asked for at most; the store's own limit is 1000. */
  readonly page?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The keys that begin with a prefix, page by page. @throws DataError as the store refuses */
export async function* listKeys(
  source: ObjectSource,
  uri: string,
  prefix: string,
  { deep = false, page = 1000, signal }: ListOptions = {},
): AsyncGenerator<S3Listing> {
  const bucket = `s3://${s3Name(uri).bucket}`;
  let token: string | undefined;
  do {
    const query = {
      "list-type": "2",
      "encoding-type": "url",
      "max-keys": `${page}`,
      prefix,
      ...(deep ? {} : { delimiter: "/" }),
      ...(token === undefined ? {} : { "continuation-token": token }),
    };
    const { body } = await ask(source, bucket, { query }, signal);
    const keys = partsOf(body, "Contents").flatMap((part) => partsOf(part, "Key"));
    const folders = partsOf(body, "CommonPrefixes").flatMap((part) => partsOf(part, "Prefix"));
    yield { keys: keys.map(decodeKey), folders: folders.map((name) => decodeKey(name).replace(/\/$/, "")) };
    token =
      partsOf(body, "IsTruncated")[0] === "true"
        ? unescapeXml(partsOf(body, "NextContinuationToken")[0])
        : undefined;
  } while (token !== undefined);
}

/** What stands between the tags of a name. */
export const partsOf = (xml: string, tag: string): readonly string[] =>
  [...xml.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, "gs"))].map((match) => match[1]!);

const decodeKey = (text: string): string => decodeURIComponent(unescapeXml(text)!.replaceAll("+", " "));

function unescapeXml(text: string | undefined): string | undefined {
  const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text?.replace(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return named[name] ?? whole;
      return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal));
    },
  );
}
