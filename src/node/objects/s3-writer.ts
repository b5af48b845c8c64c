import { createHash } from "node:crypto";
import { DataError } from "../../core/index.ts";
import { joinBytes, type FileWriter } from "../../core/storage/index.ts";
import { ask, factsOf, type ObjectSource } from "./object-source.ts";
import { partsOf } from "./s3-listing.ts";

/** Bytes of one part: a store takes 10,000 of them. */
const partBytes = 16 * 2 ** 20;
const parallelParts = 3;

/** Writes an object whole. */
export async function putObject(
  source: ObjectSource,
  uri: string,
  body: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await ask(source, uri, { method: "PUT", body });
}

/** An object under way: one request when it is small, else parts that the store joins at the end. */
export function s3Writer(source: ObjectSource, uri: string): FileWriter {
  let chunks: Uint8Array[] = [];
  let buffered = 0;
  let upload: Promise<string> | undefined;
  const etags: string[] = [];
  const underWay = new Set<Promise<void>>();
  let failure: Error | undefined;

  const takeBuffer = (): Uint8Array<ArrayBuffer> => {
    const bytes = joinBytes(chunks);
    chunks = [];
    buffered = 0;
    return bytes;
  };
  const send = async (body: Uint8Array<ArrayBuffer>, index: number): Promise<void> => {
    const query = { partNumber: `${index + 1}`, uploadId: await upload! };
    const { headers } = await ask(source, uri, { method: "PUT", query, body });
    etags[index] = headers.get("etag") ?? `"${createHash("md5").update(body).digest("hex")}"`;
  };
  const sendPart = async (): Promise<void> => {
    upload ??= beginUpload(source, uri);
    while (underWay.size >= parallelParts) await Promise.race(underWay);
    if (failure !== undefined) throw failure;
    const index = etags.length;
    etags.push("");
    const part = send(takeBuffer(), index)
      .catch((error: Error) => void (failure ??= error))
      .finally(() => underWay.delete(part));
    underWay.add(part);
  };
  const discard = async (): Promise<void> => {
    chunks = [];
    await Promise.all(underWay);
    const uploadId = await upload?.catch(() => undefined);
    upload = undefined;
    if (uploadId !== undefined) await ask(source, uri, { method: "DELETE", query: { uploadId } });
  };
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.byteLength;) {
        const chunk = bytes.slice(at, at + partBytes - buffered);
        chunks.push(chunk);
        buffered += chunk.byteLength;
        at += chunk.byteLength;
        if (buffered >= partBytes) await sendPart();
      }
    },
    async commit() {
      if (upload === undefined) return putObject(source, uri, takeBuffer());
      try {
        if (buffered > 0) await sendPart();
        await Promise.all(underWay);
        if (failure !== undefined) throw failure;
        await joinParts(source, uri, await upload, etags);
      } catch (error) {
        await discard().catch(() => undefined);
        throw error;
      }
    },
    abort: discard,
  };
}

async function beginUpload(source: ObjectSource, uri: string): Promise<string> {
  const { body } = await ask(source, uri, { method: "POST", query: { uploads: "" } });
  const [id] = partsOf(body, "UploadId");
  if (id !== undefined) return id;
  throw new DataError(
    "data/unreadable",
    `${uri}: expected the store to begin an upload of parts, it answered something else.`,
  );
}

async function joinParts(
  source: ObjectSource,
  uri: string,
  uploadId: string,
  etags: readonly string[],
): Promise<void> {
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
  const list = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  const body = new TextEncoder().encode(list);
  try {
    await ask(source, uri, { method: "POST", query: { uploadId }, body, isLate: true });
  } catch (error) {
    // The answer to the first request may have been lost: the upload is gone then, and the object stands.
    const isGone = error instanceof DataError && error.code === "data/not-found";
    if (!isGone || (await factsOf(source, uri)).version !== versionOfParts(etags)) throw error;
  }
}

/** The ETag of an object that was joined: the MD5 of those of its parts, and their number. */
function versionOfParts(etags: readonly string[]): string {
  const parts = createHash("md5");
  for (const etag of etags) parts.update(etag.replaceAll('"', ""), "hex");
  return `"${parts.digest("hex")}-${etags.length}"`;
}
