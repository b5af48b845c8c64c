import type { OnHubEvent } from "../weights/hub/index.ts";
import { downloadLine } from "./output/download-line.ts";
import { bytes } from "./output/numbers.ts";
import type { Terminal } from "./terminal.ts";

/** Shows what happens during a download. */
export function hubNotices(terminal: Terminal): OnHubEvent {
  const style = terminal.noticeStyle;
  return (event) => {
    switch (event.type) {
      case "license":
        terminal.notice(`${style.warning("licence")} ${event.notice} ${style.dim(event.url)}`);
        break;
      case "waiting":
        terminal.notice(`waiting: another process downloads ${event.file}`);
        break;
      case "start":
        terminal.notice(`downloading ${event.url}`);
        break;
      case "progress":
        terminal.status((columns) => downloadLine(event, columns));
        break;
      case "retry":
        terminal.notice(
          `${style.warning("retrying")} in ${Math.ceil(event.delay / 1000)} s: ${event.error.message}`,
        );
        break;
      case "fallback":
        terminal.notice(`${style.warning("trying the mirror")} ${event.to}: ${event.error.message}`);
        break;
      case "verified":
        break;
      case "done":
        if (!event.cached) terminal.notice(`saved ${event.path} (${bytes(event.bytes)})`);
        break;
    }
  };
}
