import type { Browser } from "playwright-core";
import { alternate, type Result } from "../measure/alternate.ts";
import { openPage, type PagePeer } from "../measure/page.ts";
import { servePages, type Encoding } from "../measure/page-server.ts";
import { median } from "../measure/statistics.ts";

/** What a first visit to a page with the small model takes. */
export interface FirstVisits {
  /** From navigation to the answer, for each encoding. */
  readonly results: readonly Result[];
  /** Bytes over the wire without the picture, for each encoding. */
  readonly bytes: readonly number[];
  /** Addresses of other servers that were asked for. */
  readonly foreign: readonly string[];
  readonly answer: FirstAnswer;
}

interface FirstAnswer {
  readonly seconds: number;
  readonly label: string;
  readonly logit: number;
}

/** How servers send pages. */
export const encodings: Readonly<Record<Encoding, string>> = { gzip: "gzip", br: "Brotli" };

/** Visits the page of `first-answer.ts` again and again, each time for the first time. */
export async function firstVisits(
  browser: Browser,
  folders: Readonly<Record<string, string>>,
  rounds: number,
): Promise<FirstVisits> {
  const bytes = new Map<Encoding, number>();
  const foreign: string[] = [];
  let answer: FirstAnswer | undefined;
  await using gzip = await servePages({ folders, encoding: "gzip" });
  await using br = await servePages({ folders, encoding: "br" });
  const contestants = [["gzip", gzip] as const, ["br", br] as const].map(([encoding, server]) => ({
    name: `first answer of the small network, ${encodings[encoding]}`,
    run: async () => {
      const before = server.sent.length;
      const page = await openPage(browser, `${server.url}first-answer.html`);
      try {
        answer = await page.call<FirstAnswer>("answer");
      } finally {
        await page.end();
      }
      foreign.push(...page.foreign);
      const own = server.sent.slice(before).filter(({ path }) => !path.startsWith("/photos/"));
      bytes.set(
        encoding,
        own.reduce((sum, each) => sum + each.bytes, 0),
      );
      return answer.seconds;
    },
  }));
  const results = await alternate(contestants, { rounds, warmup: 1 });
  return { results, bytes: [...bytes.values()], foreign, answer: answer! };
}

/** What the opening of a weights file takes, in the order of `openings`' contestants. */
export interface Openings {
  /** From the call to a session that is ready. */
  readonly results: readonly Result[];
  /** Seconds to the answer for the first photograph: the median of all runs. */
  readonly answered: readonly number[];
}

interface Opening {
  readonly ready: number;
  readonly answered: number;
}

/**
 * Opens a `.pth` in a page: as a File, and by its address at a first and at a later visit.
 *
 * @param address Where the server of `folders` has it.
 */
export async function openings(
  browser: Browser,
  folders: Readonly<Record<string, string>>,
  { path, address, photo, rounds }: { path: string; address: string; photo: string; rounds: number },
): Promise<Openings> {
  await using server = await servePages({ folders });
  const visit = async (page: PagePeer): Promise<PagePeer> => {
    const inputs = page.page.locator("input");
    await inputs.nth(0).setInputFiles(photo);
    await inputs.nth(1).setInputFiles(path);
    return page;
  };
  const fresh = async (parameters: object): Promise<Opening> => {
    const page = await visit(await openPage(browser, `${server.url}photos.html`));
    try {
      return await page.call<Opening>("openWeights", { ...parameters });
    } finally {
      await page.end();
    }
  };
  const regular = await openPage(browser, `${server.url}photos.html`);
  const again = async (): Promise<Opening> => {
    await regular.page.reload();
    return (await visit(regular)).call<Opening>("openWeights", { address });
  };
  const answered: number[][] = [];
  const contestants = [
    { name: "File", open: () => fresh({}) },
    { name: "address, first visit", open: () => fresh({ address }) },
    { name: "address, later visit", open: again },
  ].map(({ name, open }, index) => ({
    name: `.pth of 100 MB, ${name}`,
    run: async () => {
      const opening = await open();
      (answered[index] ??= []).push(opening.answered);
      return opening.ready;
    },
  }));
  try {
    const results = await alternate(contestants, { rounds, warmup: 1 });
    return { results, answered: answered.map((runs) => median(runs.slice(1))) };
  } finally {
    await regular.end();
  }
}
