// transformers.js over the photographs that were chosen in the page's first <input>, in one or more workers.
let workers: readonly Worker[] = [];

/** Starts workers, each with a pipeline of its own. */
async function loadPeer({
  count,
  threads,
}: {
  readonly count: number;
  readonly threads: number;
}): Promise<void> {
  for (const worker of workers) worker.terminate();
  const script = new URL("./transformers-js-worker.js", import.meta.url);
  workers = Array.from({ length: count }, () => new Worker(script, { type: "module" }));
  await Promise.all(workers.map((worker) => ask(worker, { request: "load", threads })));
}

/** Classifies the first `photos` photographs, or all. @returns seconds */
async function runPeer({
  batch,
  photos,
}: {
  readonly batch: number;
  readonly photos?: number;
}): Promise<number> {
  const start = performance.now();
  await Promise.all(
    workers.map((worker, index) => ask(worker, { request: "run", files: share(index, photos), batch })),
  );
  return (performance.now() - start) / 1000;
}

/** Logits of all photographs. */
async function logitsOfPeer(): Promise<readonly (readonly number[])[]> {
  const shares = await Promise.all(
    workers.map((worker, index) =>
      ask<readonly number[][]>(worker, { request: "logits", files: share(index) }),
    ),
  );
  return chosenPhotos().map(
    (_, index) => shares[index % workers.length]![Math.floor(index / workers.length)]!,
  );
}

const chosenPhotos = (): readonly File[] => [...(document.querySelector("input")?.files ?? [])];

/** Every so manieth photograph. */
const share = (worker: number, photos?: number): readonly File[] =>
  chosenPhotos()
    .slice(0, photos)
    .filter((_, index) => index % workers.length === worker);

/** Sends a worker one request; it has no other at the time. */
function ask<Answer>(worker: Worker, request: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const listener = ({
      data,
    }: MessageEvent<{ readonly answer: Answer } | { readonly error: string }>): void => {
      if ("error" in data) reject(new Error(data.error));
      else resolve(data.answer);
    };
    worker.addEventListener("message", listener, { once: true });
    worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
    worker.postMessage(request, { transfer: [] });
  });
}

const page = globalThis as unknown as { commands: object };
page.commands = { ...page.commands, loadPeer, runPeer, logitsOfPeer };
