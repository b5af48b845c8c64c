import { readFile } from "node:fs/promises";
import { BlockList, isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { Agent, fetch, ProxyAgent, type Dispatcher } from "undici";
import { UsageError } from "../../core/index.ts";
import { fetchFailure } from "../../core/storage/index.ts";
import { attempt } from "./file-system.ts";

/** What the environment says of the network. */
export interface NetworkSettings {
  /** URL of the proxy by protocol of what is asked for. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly noProxy: readonly string[];
  /** A file, and the variable that names it. */
  readonly certificates: { readonly variable: string; readonly file: string } | undefined;
}

/**
 * undici's `fetch` with proxies and certificates.
 *
 * @throws UsageError `usage/proxy`, `usage/certificates`
 */
export async function undiciFetch({
  proxies,
  noProxy,
  certificates,
}: NetworkSettings): Promise<typeof globalThis.fetch> {
  const tls = certificates === undefined ? {} : { secureContext: await trusting(certificates) };
  const agents = new Map<string, Dispatcher>();
  for (const [protocol, named] of Object.entries(proxies)) {
    const { uri, token } = proxyAt(named);
    // Plain HTTP is handed to a proxy as it is; only TLS needs a tunnel, and many proxies open no other.
    const options = { uri, proxyTunnel: false, proxyTls: tls, requestTls: tls };
    agents.set(protocol, new ProxyAgent(token === undefined ? options : { ...options, token }));
  }
  const proxyFor = (url: URL): Dispatcher | undefined =>
    isExempt(url, noProxy) ? undefined : agents.get(url.protocol);
  // For each request anew: a redirect may lead to a host that needs no proxy.
  const dispatcher = new Agent({ connect: tls }).compose((direct) => (options, handler) => {
    const proxy = proxyFor(new URL(String(options.origin)));
    return proxy === undefined ? direct(options, handler) : proxy.dispatch(options, handler);
  });
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const asked = init as Parameters<typeof fetch>[1];
    try {
      return (await fetch(url, { ...asked, dispatcher })) as unknown as Response;
    } catch (error) {
      if (init?.signal?.aborted === true || proxyFor(url) === undefined) throw error;
      const proxy = new URL(proxyAt(proxies[url.protocol]!).uri).host;
      throw new TypeError(`${fetchFailure(error).reason}; by way of the proxy ${proxy}`, { cause: error });
    }
  };
}

/** The address of a proxy and its credentials; `host:port` alone is an HTTP proxy. */
function proxyAt(named: string): { readonly uri: string; readonly token: string | undefined } {
  const address = named.includes("://") ? named : `http://${named}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UsageError(
      "usage/proxy",
      // Not the whole of it: it may hold a password.
      `HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: expected the URL of an HTTP proxy, such as http://proxy.example:3128, received ${url ? `one of ${url.protocol}` : "something else"}.`,
    );
  }
  const { origin, username, password } = url;
  const credentials = [username, password].map(decoded).join(":");
  return {
    uri: origin,
    token: credentials === ":" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A password with a percent sign as it is.
    return text;
  }
}

/**
 * Whether a host is reached without the proxy, by the rule of Python's requests: `*`, a name and all names below it, with a
 * port or without, an address, or a range of addresses (`10.0.0.0/8`).
 */
function isExempt({ hostname, port, protocol }: URL, noProxy: readonly string[]): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const asked = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return noProxy.some((entry) => {
    if (entry === "*") return true;
    const [, network, bits] = /^(.+)\/(\d+)$/.exec(entry) ?? [];
    if (network !== undefined) return isIP(host) !== 0 && isWithin(host, network, Number(bits));
    const [, named = entry, ofPort = asked] = isIP(entry) === 0 ? (/^(.+):(\d+)$/.exec(entry) ?? []) : [];
    const name = named.toLowerCase().replace(/^\[(.*)\]$/, "$1");
    const domain = name.replace(/^\*?\./, "");
    return ofPort === asked && (host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`)));
  });
}

function isWithin(address: string, network: string, bits: number): boolean {
  const family = isIP(network) === 6 ? "ipv6" : "ipv4";
  if (isIP(network) !== isIP(address) || bits > (family === "ipv6" ? 128 : 32)) return false;
  const range = new BlockList();
  range.addSubnet(network, bits, family);
  return range.check(address, family);
}

/** What TLS trusts in place of Node's own list. */
async function trusting({
  variable,
  file,
}: NonNullable<NetworkSettings["certificates"]>): Promise<SecureContext> {
  const ca = await attempt(file, () => readFile(file, "utf8")).catch((cause: unknown) => {
    throw new UsageError("usage/certificates", `${variable}: ${(cause as Error).message}`, { cause });
  });
  if (!ca.includes("-----BEGIN ")) {
    throw new UsageError(
      "usage/certificates",
      `${variable}: ${file}: expected certificates in PEM ("-----BEGIN CERTIFICATE-----"), there are none.`,
    );
  }
  return createSecureContext({ ca });
}
