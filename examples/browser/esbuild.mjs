// The page of this folder, bundled with esbuild instead of Vite: `node esbuild.mjs OUTPUT`.
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { build } from "esbuild";

const output = process.argv[2] ?? "dist";
const require = createRequire(join(process.cwd(), "main.js"));
// esbuild looks for no workers: each is an entry of its own, below the folder of the page's script. This page needs the first
// one only; `trainHead` needs `session` too, `trainModel` all of them.
const workers = ["images", "session", "training", "training-step"];
await build({
  entryPoints: {
    main: "main.js",
    ...Object.fromEntries(
      workers.map((name) => [`workers/${name}`, require.resolve(`ssl-resnext/workers/${name}`)]),
    ),
  },
  bundle: true,
  minify: true,
  splitting: true,
  format: "esm",
  outdir: output,
});
// Nor for files that scripts fetch: these lie beside the page's script.
const fetched = [
  "onnxruntime-web/ort-wasm-simd-threaded.wasm",
  "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm",
  "@jsquash/png/codec/pkg/squoosh_png_bg.wasm",
  "@jsquash/webp/codec/dec/webp_dec.wasm",
];
await mkdir(output, { recursive: true });
for (const file of fetched) await copyFile(require.resolve(file), join(output, basename(file)));
await copyFile("index.html", join(output, "index.html"));
// The model that comes with the package, at the root of the site.
await mkdir(join(output, "models"), { recursive: true });
const model = "models/ssl_resnext17_cifar10.safetensors";
await copyFile(require.resolve(`ssl-resnext/${model}`), join(output, model));
