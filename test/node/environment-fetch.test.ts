import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { httpStorage, readBytes } from "../../src/core/storage/index.ts";
import { environmentFetch } from "../../src/node/files/environment-fetch.ts";
import { pretrainedWeights } from "../../src/node/files/hub-storage.ts";
import { fileServer, serve, status } from "../support/file-server.ts";
import { fakeWeights, testCache } from "../support/hub-fixture.ts";
import { proxyServer } from "../support/proxy-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const bytes = fakeWeights(10_000);
const text = async (env: Record<string, string>, url: string): Promise<string> =>
  (await environmentFetch(env)(url)).text();
const hello = serve(new TextEncoder().encode("hello"));

describe("a proxy", () => {
  it.each(["HTTP_PROXY", "http_proxy", "ALL_PROXY"])("of %s is asked for plain HTTP", async (variable) => {
    await using server = await fileServer([hello]);
    await using proxy = await proxyServer({ "files.example": "127.0.0.1" });
    const url = server.url.replace("127.0.0.1", "files.example");
    expect(await text({ [variable]: proxy.url }, url)).toBe("hello");
    expect(proxy.requests).toEqual([{ target: `GET ${url}`, credentials: undefined }]);
  });

  it("may stand without http://, and be told a name and a password", async () => {
    await using server = await fileServer([hello]);
    await using proxy = await proxyServer();
    const { host } = new URL(proxy.url);
    expect(await text({ HTTP_PROXY: `me:p%40ss@${host}` }, server.url)).toBe("hello");
    expect(proxy.requests).toEqual([{ target: `GET ${server.url}`, credentials: "me:p@ss" }]);
  });

  it("in small letters wins, and an empty one is none", async () => {
    await using server = await fileServer([hello]);
    await using proxy = await proxyServer();
    const env = { HTTP_PROXY: "http://127.0.0.1:9", http_proxy: proxy.url };
    expect(await text(env, server.url)).toBe("hello");
    expect(await text({ ...env, http_proxy: "" }, server.url)).toBe("hello");
    expect(proxy.requests).toHaveLength(1);
  });

  it("for https only is not asked for http", async () => {
    await using server = await fileServer([hello]);
    await using proxy = await proxyServer();
    expect(await text({ HTTPS_PROXY: proxy.url }, server.url)).toBe("hello");
    expect(proxy.requests).toEqual([]);
  });

  // As the requests library that is part of pip decides.
  it.each([
    ["127.0.0.1", true],
    ["*", true],
    ["elsewhere.example 127.0.0.0/8", true],
    ["elsewhere.example,127.0.0.1:PORT", true],
    ["127.0.0.1:1", false],
    ["10.0.0.0/8", false],
    ["127.0.0.0/33", false],
    ["0.0.1", false],
  ])("is passed over for NO_PROXY=%s: %s", async (noProxy, direct) => {
    await using server = await fileServer([hello]);
    await using proxy = await proxyServer();
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: noProxy.replace("PORT", new URL(server.url).port) };
    expect(await text(env, server.url)).toBe("hello");
    expect(proxy.requests).toHaveLength(direct ? 0 : 1);
  });

  it.each([
    ["localhost", "localhost", true],
    ["LOCALHOST", "localhost", true],
    [".localhost", "localhost", true],
    ["localhost", "files.localhost", true],
    [".localhost", "files.localhost", true],
    ["host", "localhost", false],
    ["files.localhost", "localhost", false],
  ])("with NO_PROXY=%s is passed over for %s: %s", async (noProxy, host, direct) => {
    await using server = await fileServer([hello]);
    await using proxy = await proxyServer({ localhost: "127.0.0.1" });
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: noProxy };
    const url = server.url.replace("127.0.0.1", host);
    // Not every resolver knows names below localhost: that it was asked says enough.
    await text(env, url).catch(() => undefined);
    expect(proxy.requests).toHaveLength(direct ? 0 : 1);
  });

  it("is chosen anew where a redirect leads to another host", async () => {
    await using files = await fileServer([hello]);
    await using server = await fileServer([status(302, { location: files.url })]);
    await using proxy = await proxyServer({ "hub.example": "127.0.0.1" });
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" };
    const url = server.url.replace("127.0.0.1", "hub.example");
    expect(await text(env, url)).toBe("hello");
    expect(proxy.requests.map(({ target }) => target)).toEqual([`GET ${url}`]);
    expect(files.requests).toHaveLength(1);
  });

  it("that cannot be followed is refused, and not repeated: it may hold a password", async () => {
    const failure = text({ HTTP_PROXY: "socks5://me:secret@127.0.0.1:1080" }, "http://127.0.0.1/");
    await expect(failure).rejects.toMatchObject({ code: "usage/proxy" });
    await expect(failure).rejects.not.toThrow("secret");
    await expect(text({ HTTP_PROXY: "http://" }, "http://127.0.0.1/")).rejects.toMatchObject({
      code: "usage/proxy",
    });
  });

  it("that does not answer is named in the error", async () => {
    const server = await proxyServer();
    await server[Symbol.asyncDispose]();
    const storage = httpStorage(environmentFetch({ HTTP_PROXY: server.url }));
    await expect(readBytes(storage, "http://files.example/a")).rejects.toThrow(
      `ECONNREFUSED 127.0.0.1:${new URL(server.url).port}; by way of the proxy ${new URL(server.url).host}`,
    );
  });
});

const withoutOpenssl = ((): boolean => {
  try {
    execFileSync("openssl", ["version"]);
    return false;
  } catch {
    return true;
  }
})();

/** A real server with a certificate that it signed itself. */
async function tlsServer(): Promise<
  AsyncDisposable & { readonly url: string; readonly certificate: string }
> {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  execFileSync(
    "openssl",
    `req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ${key} -out ${certificate} -subj /CN=localhost -addext subjectAltName=DNS:localhost`.split(
      " ",
    ),
    { stdio: "ignore" },
  );
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (_request, response) => response.end("hello"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/`,
    certificate,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(withoutOpenssl)("a server whose certificate nobody else trusts", () => {
  it("is trusted by SSL_CERT_FILE and its like, directly and through a proxy", async () => {
    await using server = await tlsServer();
    await using proxy = await proxyServer({ localhost: "127.0.0.1" });
    expect(await text({ SSL_CERT_FILE: server.certificate }, server.url)).toBe("hello");
    expect(await text({ REQUESTS_CA_BUNDLE: server.certificate }, server.url)).toBe("hello");
    const env = { SSL_CERT_FILE: server.certificate, HTTPS_PROXY: proxy.url };
    expect(await text(env, server.url)).toBe("hello");
    expect(proxy.requests.map(({ target }) => target)).toEqual([`CONNECT ${new URL(server.url).host}`]);
  });

  it("is refused otherwise, at once, and the error names SSL_CERT_FILE", async () => {
    await using server = await tlsServer();
    await using cache = await testCache();
    const options = { storage: cache.storage, baseUrl: server.url, mirrorUrl: false } as const;
    const failure = pretrainedWeights("ssl_resnet18", options, {});
    await expect(failure).rejects.toMatchObject({ code: "weights/download-failed" });
    await expect(failure).rejects.toThrow("SSL_CERT_FILE");
  });

  it("is not reached through a proxy that opens no tunnel, and the error says so", async () => {
    await using server = await tlsServer();
    await using proxy = await proxyServer({}, 403);
    const storage = httpStorage(environmentFetch({ HTTPS_PROXY: proxy.url }));
    await expect(readBytes(storage, server.url)).rejects.toThrow(/403.*by way of the proxy 127\.0\.0\.1/);
  });
});

describe("SSL_CERT_FILE", () => {
  it("names a file with certificates", async () => {
    const empty = join(folder, "empty.pem");
    await writeFile(empty, "none here");
    const failure = (file: string): Promise<string> => text({ SSL_CERT_FILE: file }, "https://localhost:9/");
    await expect(failure(empty)).rejects.toMatchObject({ code: "usage/certificates" });
    await expect(failure(join(folder, "gone.pem"))).rejects.toThrow(/SSL_CERT_FILE: .*gone\.pem: no such/);
    await expect(failure(folder)).rejects.toMatchObject({ code: "usage/certificates" });
  });
});

describe("the hub", () => {
  const weights = "ssl_resnet18";
  const tag = "resnet18.fb_ssl_yfcc100m_ft_in1k";

  it("asks HF_ENDPOINT as the mirror, with HF_TOKEN, through the proxy", async () => {
    const seen: (string | undefined)[] = [];
    await using mirror = await fileServer([
      (request, response) => {
        seen.push(request.headers.authorization);
        status(404)(request, response);
      },
    ]);
    await using server = await fileServer([status(404)]);
    await using cache = await testCache();
    await using proxy = await proxyServer();
    const env = {
      SSL_RESNEXT_HUB_URL: server.url,
      HF_ENDPOINT: `${mirror.url}hf/`,
      HF_TOKEN: "hf_secret\n",
      HTTP_PROXY: proxy.url,
    };
    const failure = pretrainedWeights(weights, { storage: cache.storage }, env);
    await expect(failure).rejects.toMatchObject({ code: "weights/download-failed" });
    expect(mirror.requests.map(({ path }) => path)).toEqual(
      Array(2).fill(`/hf/timm/${tag}/resolve/main/model.safetensors`),
    );
    expect(seen).toEqual(["Bearer hf_secret"]);
    expect(proxy.requests).toHaveLength(3);
  });

  it("keeps HF_TOKEN from servers that are not Hugging Face's", async () => {
    const seen: (string | undefined)[] = [];
    await using server = await fileServer([
      (request, response) => {
        seen.push(request.headers.authorization);
        status(401)(request, response);
      },
    ]);
    await using cache = await testCache();
    const env = {
      SSL_RESNEXT_HUB_URL: server.url,
      SSL_RESNEXT_MIRROR_URL: server.url,
      HF_TOKEN: "hf_secret",
    };
    await expect(pretrainedWeights(weights, { storage: cache.storage }, env)).rejects.toThrow("401");
    expect(seen).toEqual([undefined, undefined]);
  });

  it("says that HF_TOKEN is not accepted", async () => {
    await using mirror = await fileServer([status(401)]);
    await using cache = await testCache();
    const env = { SSL_RESNEXT_HUB_URL: mirror.url, HF_ENDPOINT: mirror.url, HF_TOKEN: "hf_old" };
    const failure = pretrainedWeights(weights, { storage: cache.storage }, env);
    await expect(failure).rejects.toThrow(/401 Unauthorized\. The token \(HF_TOKEN\) is not accepted/);
    await expect(failure).rejects.not.toThrow("hf_old");
  });

  it("gives up at once where a host has no address", async () => {
    await using cache = await testCache();
    const started = performance.now();
    const options = { ...cache.options({}), timing: undefined, mirrorUrl: "http://nowhere.invalid/" };
    const failure = pretrainedWeights(weights, { ...options, baseUrl: "http://nowhere.invalid/" }, {});
    await expect(failure).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
    expect(cache.events.filter(({ type }) => type === "retry")).toEqual([]);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it.each(["SSL_RESNEXT_OFFLINE", "HF_HUB_OFFLINE"])(
    "names %s in the error of offline mode",
    async (variable) => {
      await using cache = await testCache();
      const failure = pretrainedWeights(weights, { storage: cache.storage }, { [variable]: "1" });
      await expect(failure).rejects.toMatchObject({ code: "weights/offline" });
      await expect(failure).rejects.toThrow(`offline mode (${variable}=1)`);
    },
  );

  it("downloads through a proxy what it downloads without", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using proxy = await proxyServer({ "files.example": "127.0.0.1" });
    const storage = httpStorage(environmentFetch({ HTTP_PROXY: proxy.url }));
    const url = server.url.replace("127.0.0.1", "files.example");
    expect(Buffer.from(await readBytes(storage, url)).equals(bytes)).toBe(true);
  });
});
