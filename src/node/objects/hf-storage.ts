import { DataError } from "../../core/index.ts";
import { notFound, readOnly, type ListedEntry, type Storage } from "../../core/storage/index.ts";
import { environmentFetch } from "../files/environment-fetch.ts";
import { absent, ask, factsOf, type Answer, type ObjectSource } from "./object-source.ts";
import { joinNames } from "./lazy-storage.ts";
import { objectReading } from "./object-storage.ts";
import { encodeKey } from "./s3-source.ts";
import { processSpool, type Spool } from "./spool.ts";

export interface HfOptions {
  readonly spool?: Spool | undefined;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Data sets on the Hugging Face hub, for reading: `hf://datasets/OWNER/NAME/path`, of another revision than `main`
 * `hf://datasets/OWNER/NAME@REVISION/path`. `HF_ENDPOINT` and `HF_TOKEN` are followed.
 */
export function hfStorage({ spool = processSpool(), env = process.env }: HfOptions = {}): Storage {
  const fetch = environmentFetch(env);
  const endpoint = (env["HF_ENDPOINT"]?.trim() || "https://huggingface.co").replace(/\/+$/, "");
  const token = env["HF_TOKEN"]?.trim();
  const allowed = token ? { authorization: `Bearer ${token}` } : {};
  // Of files, by their address; of folders, by that of the hub's listing.
  const urlOf = (uri: string): string => {
    if (!/^hf:/i.test(uri)) return uri;
    const { name, revision, path } = hfName(uri);
    return `${endpoint}/datasets/${name}/resolve/${encodeURIComponent(revision)}/${encodeKey(path)}`;
  };
  const source: ObjectSource = {
    stallAfter: 15_000,
    // Another host, which a file may be at, is not shown the token: fetch sees to that.
    send: (uri, { method = "GET", headers = {} }, signal) =>
      fetch(urlOf(uri), { method, headers: { ...headers, ...allowed }, signal }),
    refusal,
  };
  const reading = objectReading(source, spool);

  /** The names in a folder, a page at a time. */
  async function* list(uri: string, signal?: AbortSignal): AsyncGenerator<ListedEntry> {
    const { name, revision, path } = hfName(uri);
    const folder = encodeKey(path.replace(/\/+$/, ""));
    const first: string = `${endpoint}/api/datasets/${name}/tree/${encodeURIComponent(revision)}${folder === "" ? "" : `/${folder}`}`;
    let page: string | undefined = first;
    while (page !== undefined) {
      const { headers, body }: Answer = await ask(source, page, {}, signal).catch((error: unknown) => {
        absent(error);
        throw notFound(uri);
      });
      for (const entry of JSON.parse(body) as readonly { readonly type: string; readonly path: string }[])
        yield {
          name: entry.path.slice(entry.path.lastIndexOf("/") + 1),
          kind: entry.type === "directory" ? "folder" : "file",
        };
      const next: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
      // A mirror hands on the hub's own address, which is not to be asked, nor shown the token.
      page = next === undefined ? undefined : new URL(new URL(next, first).search, first).href;
    }
  }

  return {
    async stat(uri) {
      const isFile = hfName(uri).path !== "" && !uri.endsWith("/");
      const facts = isFile ? await factsOf(source, uri).catch(absent) : undefined;
      if (facts) return { kind: "file", size: facts.size, modified: facts.modified, identity: undefined };
      const first = await list(uri).next().catch(absent);
      return first && { kind: "folder", size: 0, modified: 0, identity: undefined };
    },
    list: (uri, { signal } = {}) => list(uri, signal),
    open: (uri, options) => reading.open(uri, options),
    prepare: (uri, options) => reading.prepare?.(uri, options),
    stream: (uri, options) => reading.stream(uri, options),
    ...readOnly("data sets of the hub can only be read here. Write elsewhere."),
    join: joinNames,
    resolve: (uri) => uri,
    path: () => undefined,
  };
}

/** @throws DataError `data/not-found` for what is no data set */
function hfName(uri: string): { readonly name: string; readonly revision: string; readonly path: string } {
  const [, name, revision = "main", path = ""] =
    /^hf:\/\/datasets\/([\w.-]+\/[\w.-]+)(?:@([^/]+))?(?:\/+(.*))?$/is.exec(uri) ?? [];
  if (name !== undefined) return { name, revision, path };
  throw new DataError(
    "data/not-found",
    `${uri}: expected hf://datasets/OWNER/NAME/path. Models of the hub are named by -m timm/NAME.`,
  );
}

function refusal(uri: string, status: number): DataError {
  if (status === 404 || status === 410) return notFound(uri);
  return status === 401 || status === 403
    ? new DataError(
        "data/permission",
        `${uri}: the hub answered ${status}. It is private, gated, or not there: set HF_TOKEN to the token of someone who may read it.`,
      )
    : new DataError("data/unreadable", `${uri}: the hub answered ${status}. Try it later.`);
}
