import { networkWatch } from "./network-watch.ts";
import type { TransferContext } from "./transfer.ts";
import { TransferError } from "./transfer-error.ts";

/**
 * Asks a Hugging Face server for the SHA-256 of a large file: it stands in X-Linked-Etag of the redirect
 * to the storage behind it, or in the ETag where there is no redirect. Undefined when the server does
 * not say, or where the platform hides redirects, as browsers do.
 */
export async function linkedSha256(url: string, context: TransferContext): Promise<string | undefined> {
  const network = networkWatch(url, context.timing.stallTimeout, context.signal);
  try {
    const response = await network.watch(() =>
      context.fetch(url, {
        method: "HEAD",
        redirect: "manual",
        credentials: "omit",
        signal: network.signal,
      }),
    );
    const tag = response.headers.get("x-linked-etag") ?? response.headers.get("etag") ?? "";
    return /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(tag)?.[1];
  } catch (error) {
    // The download that follows meets the same failure and deals with it.
    if (error instanceof TransferError) return undefined;
    throw error;
  }
}
