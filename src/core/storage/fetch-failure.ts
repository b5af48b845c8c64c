/** What made a request fail before there was an answer. */
export interface FetchFailure {
  /** In words. */
  readonly reason: string;
  /**
   * Whether trying again soon is of no use: the host has no address, its certificate is not trusted, the proxy refuses, or `fetch`
   * itself does, for a port of another protocol.
   */
  readonly lasting: boolean;
}

/** Codes of Node's resolver and of its TLS: browsers give none. */
const lastingCodes: ReadonlySet<string> = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** What `fetch` says where the reason stands underneath. */
const saysNothing: ReadonlySet<string> = new Set([
  "",
  "fetch failed",
  "terminated",
  "Request was cancelled.",
]);

/** What undici says of a proxy that refuses, for good where its status is the client's fault, and of ports that the standard forbids. */
const refusedAtOnce = /^Proxy response \(4\d\d\)|^bad port$/;

/** Finds out why `fetch` failed. */
export function fetchFailure(error: unknown): FetchFailure {
  const chain = causesOf(error);
  const codes = chain.map(({ code }) => code ?? "");
  const lasting = chain.some(
    ({ code = "", message }) => lastingCodes.has(code) || refusedAtOnce.test(message),
  );
  const untrusted = codes.some((code) => lastingCodes.has(code) && /CERT|ISSUER|LEAF/.test(code));
  // Where a host has several addresses, what failed for all of them has a code and no message.
  const said = chain.map(({ message, code }) => (message === "" ? (code ?? "") : message));
  const reason = said.find((text) => !saysNothing.has(text)) ?? said[0] ?? String(error);
  return {
    reason: untrusted
      ? `${reason}; SSL_CERT_FILE names the certificates of a network that has its own`
      : reason,
    lasting,
  };
}

/** An error and what it says that it comes from. */
function causesOf(error: unknown): readonly (Error & { readonly code?: string })[] {
  const chain: Error[] = [];
  for (let next = error; next instanceof Error && !chain.includes(next); next = next.cause) chain.push(next);
  return chain;
}
