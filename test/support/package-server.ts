import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

export interface PackageServer {
  /** An empty page that can import the package by its name. */
  readonly url: string;
  close(): Promise<void>;
}

const root = new URL("../../", import.meta.url);

/** What a bundler finds by itself: where the modules of the dependencies are. */
const modules = {
  "onnxruntime-web/wasm": "onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
  "onnxruntime-web/jspi": "onnxruntime-web/dist/ort.jspi.bundle.min.mjs",
  "onnxruntime-web/webgpu": "onnxruntime-web/dist/ort.webgpu.bundle.min.mjs",
  "@bufbuild/protobuf/wire": "@bufbuild/protobuf/dist/esm/wire/index.js",
  yaml: "yaml/browser/index.js",
  zod: "zod/index.js",
  "zod/mini": "zod/mini/index.js",
  "zod/locales": "zod/locales/index.js",
  hyparquet: "hyparquet/src/index.js",
  "hyparquet/": "hyparquet/",
  "hyparquet-compressors": "hyparquet-compressors/src/index.js",
  fzstd: "fzstd/esm/index.mjs",
  hysnappy: "hysnappy/js/index.js",
};

function importMap(): string {
  const found = Object.entries(modules).map(([name, path]) => [name, `/node_modules/${path}`]);
  return JSON.stringify({
    imports: {
      "ssl-resnext/": "/dist/",
      "#onnxruntime-web": "/dist/web/onnxruntime-web/browser.js",
      ...Object.fromEntries(found),
    },
  });
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

const isolated = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves the built package and its dependencies, to a page that is isolated so that WebAssembly has threads. */
export async function servePackage(): Promise<PackageServer> {
  const page = `<!doctype html><title>ssl-resnext</title><script type="importmap">${importMap()}</script>`;
  const contentOf = async (path: string): Promise<string | Uint8Array> =>
    path === "/" ? page : readFile(fileURLToPath(new URL(`.${path}`, root)));
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const content = await contentOf(path);
    const type = types[path === "/" ? ".html" : extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type, ...isolated }).end(content);
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    answer(pathname, response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
