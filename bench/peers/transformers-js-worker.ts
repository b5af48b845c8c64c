// Runs transformers.js' pipeline for image classification; what it needs lies on the page's own server.

/** What is used here of the package, which the benchmark installs for itself. */
interface Transformers {
  readonly env: {
    allowRemoteModels: boolean;
    allowLocalModels: boolean;
    localModelPath: string;
    useBrowserCache: boolean;
    useWasmCache: boolean;
    readonly backends: { readonly onnx: { readonly wasm: { numThreads: number; wasmPaths: object } } };
  };
  readonly RawImage: { read(file: Blob): Promise<object> };
  pipeline(task: "image-classification", model: string, options: object): Promise<Classifier>;
}

interface Classifier {
  (images: readonly Blob[]): Promise<unknown>;
  processor(image: object): Promise<{ readonly pixel_values: object }>;
  model(inputs: { readonly pixel_values: object }): Promise<{
    readonly logits: { readonly data: Float32Array };
  }>;
}

let transformers: Transformers;
let classify: Classifier;

async function load({ threads }: { readonly threads: number }): Promise<void> {
  const script = "/transformers/transformers.min.js";
  transformers = (await import(script)) as Transformers;
  const { env } = transformers;
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/transformers-models/";
  env.useBrowserCache = false;
  env.useWasmCache = false;
  // The build that it takes by itself, from this server.
  const build = new URL("/transformers-onnxruntime/ort-wasm-simd-threaded.asyncify", location.href).href;
  env.backends.onnx.wasm.wasmPaths = { mjs: `${build}.mjs`, wasm: `${build}.wasm` };
  env.backends.onnx.wasm.numThreads = threads;
  const options = { device: "wasm", dtype: "fp32" };
  classify = await transformers.pipeline("image-classification", "resnext50_32x4d", options);
}

interface Run {
  readonly files: readonly File[];
  readonly batch: number;
}

async function run({ files, batch }: Run): Promise<void> {
  for (let i = 0; i < files.length; i += batch) await classify(files.slice(i, i + batch));
}

async function logits({ files }: Pick<Run, "files">): Promise<readonly (readonly number[])[]> {
  const found: number[][] = [];
  for (const file of files) {
    const { pixel_values } = await classify.processor(await transformers.RawImage.read(file));
    found.push([...(await classify.model({ pixel_values })).logits.data]);
  }
  return found;
}

const answers: Readonly<Record<string, (request: never) => Promise<unknown>>> = { load, run, logits };

self.addEventListener("message", ({ data }: MessageEvent<{ readonly request: string }>) => {
  answers[data.request]!(data as never).then(
    (answer) => self.postMessage({ answer }, { transfer: [] }),
    (error: unknown) => {
      const reason = error instanceof Error ? error.stack : String(error);
      self.postMessage({ error: reason }, { transfer: [] });
    },
  );
});
