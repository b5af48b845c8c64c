// A page that opens weights and classifies the photographs that were chosen in its first <input>.
import { createModel, openImages } from "ssl-resnext/web";

type PageModel = Awaited<ReturnType<typeof createModel>>;

const [photos, weightFile] = document.querySelectorAll("input");

const chosen = (input: HTMLInputElement): readonly File[] => [...(input.files ?? [])];

/** Seconds from the call to a session that is ready, and to the answer for the first photograph. */
interface Opening {
  readonly ready: number;
  readonly answered: number;
}

/** Opens ResNeXt-50 of a weights file: the one that was chosen in the second <input>, unless an address is given. */
async function openWeights({ address }: { readonly address?: string }): Promise<Opening> {
  const [photo] = chosen(photos!);
  const start = performance.now();
  const model = await createModel("resnext50_32x4d", { weights: address ?? chosen(weightFile!)[0] });
  await model.opened(["logits"], 1);
  const ready = performance.now() - start;
  await model.classify(photo!);
  const answered = performance.now() - start;
  await model.release();
  return { ready: ready / 1000, answered: answered / 1000 };
}

const models = new Map<string, PageModel>();

/** Opens a model and its workers. @returns how they share the machine */
async function load({ weights }: { readonly weights: string }): Promise<unknown> {
  const model = await createModel("resnext50_32x4d", { weights });
  models.set(weights, model);
  return (await model.opened(["logits"], chosen(photos!).length)).plan;
}

/** Classifies all photographs. @returns seconds */
async function run({ weights }: { readonly weights: string }): Promise<number> {
  const start = performance.now();
  for await (const result of models.get(weights)!.classifyAll(await openImages(chosen(photos!)))) {
    if ("error" in result) throw result.error;
  }
  return (performance.now() - start) / 1000;
}

/** Logits of all photographs. */
async function logits({ weights }: { readonly weights: string }): Promise<readonly (readonly number[])[]> {
  const found: number[][] = [];
  for await (const result of models.get(weights)!.run(["logits"], await openImages(chosen(photos!)))) {
    if ("error" in result) throw result.error;
    found.push([...result.outputs["logits"]!.data]);
  }
  return found;
}

Object.assign(globalThis, { commands: { openWeights, load, run, logits } });
