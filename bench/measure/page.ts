import { chromium, type Browser, type Page } from "playwright-core";
import type { Peer } from "./peer.ts";

/** Starts Chromium, which reaches this machine and nothing else. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}

/** A page that does one command at a time: each is a function in its `commands`. */
export interface PagePeer extends Peer {
  readonly page: Page;
  /** Addresses of other servers that the page or one of its workers asked for. */
  readonly foreign: readonly string[];
}

/** Opens a page as a visitor does who has never been there: nothing is kept from the visits before. */
export async function openPage(browser: Browser, address: string): Promise<PagePeer> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const { origin } = new URL(address);
  const foreign: string[] = [];
  const problems: string[] = [];
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:/.test(url.protocol) && url.origin !== origin) foreign.push(url.href);
  });
  page.on("pageerror", (error) => problems.push(String(error.stack)));
  page.on("response", (response) => {
    if (!response.ok()) problems.push(`${response.status()} for ${response.url()}`);
  });
  await page.goto(address);
  return {
    page,
    foreign,
    async call<Answer>(command: string, parameters = {}) {
      try {
        return (await page.evaluate(callCommand, { command, parameters })) as Answer;
      } catch (cause) {
        throw new Error(`${address}: "${command}" failed.\n${problems.join("\n")}`, { cause });
      }
    },
    end: () => context.close(),
  };
}

/** What a page's program puts into the page's global scope. */
interface Commanded {
  readonly commands: Readonly<Record<string, (parameters: unknown) => unknown>>;
}

/** Runs in the page. */
const callCommand = ({ command, parameters }: { command: string; parameters: unknown }): unknown =>
  (globalThis as unknown as Commanded).commands[command]!(parameters);
