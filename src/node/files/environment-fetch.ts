import type { NetworkSettings } from "./undici-fetch.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `fetch` by the settings that pip and huggingface_hub follow: the proxies of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, but
 * for the hosts of `NO_PROXY`, and the certificates of `SSL_CERT_FILE` in place of Node's. The environment is read at each
 * request; without any of these, this is Node's own `fetch`.
 *
 * @throws UsageError `usage/proxy`, `usage/certificates` where a setting cannot be followed
 */
export function environmentFetch(env: Environment = process.env): typeof globalThis.fetch {
  let last: { readonly key: string; readonly fetch: Promise<typeof globalThis.fetch> } | undefined;
  return async (input, init) => {
    const settings = networkSettings(env);
    if (settings === undefined) return await globalThis.fetch(input, init);
    const key = JSON.stringify(settings);
    if (last?.key !== key) last = { key, fetch: load(settings) };
    return await (
      await last.fetch
    )(input, init);
  };
}

// Node 20 keeps its undici to itself; the package is loaded where it is needed.
const load = async (settings: NetworkSettings): Promise<typeof globalThis.fetch> =>
  (await import("./undici-fetch.ts")).undiciFetch(settings);

function networkSettings(env: Environment): NetworkSettings | undefined {
  // In small letters these names are older, and win.
  const setting = (name: string): string => (env[name.toLowerCase()] ?? env[name] ?? "").trim();
  const proxies = Object.fromEntries(
    ["http", "https"].flatMap((protocol) => {
      const proxy = setting(`${protocol.toUpperCase()}_PROXY`) || setting("ALL_PROXY");
      return proxy === "" ? [] : [[`${protocol}:`, proxy]];
    }),
  );
  const [certificates] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].flatMap((variable) => {
    const file = env[variable] ?? "";
    return file === "" ? [] : [{ variable, file }];
  });
  if (Object.keys(proxies).length === 0 && certificates === undefined) return undefined;
  const noProxy = setting("NO_PROXY")
    .split(/[,\s]+/)
    .filter((entry) => entry !== "");
  return { proxies, noProxy, certificates };
}

/** The setting of the environment that turns downloads off: ours, or huggingface_hub's. */
export function offlineBy(env: Environment): string | undefined {
  const variable = ["SSL_RESNEXT_OFFLINE", "HF_HUB_OFFLINE"].find((name) =>
    /^(1|true|yes|on)$/i.test(env[name] ?? ""),
  );
  return variable === undefined ? undefined : `${variable}=${env[variable]}`;
}
