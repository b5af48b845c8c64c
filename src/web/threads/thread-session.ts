import type { Tensor } from "../../core/index.ts";
import type { CreateSession, Session, SessionRequest } from "../../runtime/index.ts";
import type { RunRequest } from "../workers/session.ts";
import { startThread } from "./start-thread.ts";

type Feeds = Readonly<Record<string, Tensor>>;

/** Opens a session in a worker of its own, so that runs never block the page. */
export const createThreadSession: CreateSession = async (model, { device = "cpu", signal } = {}) => {
  const thread = startThread("session");
  try {
    const opening: SessionRequest = { model, device, threads: 1 };
    const names = await thread.call<Pick<Session, "inputNames" | "outputNames">>("open", opening, { signal });
    return {
      device,
      ...names,
      run: (feeds, { outputs, transfer = false, signal: runSignal } = {}) => {
        const plain = Object.entries(feeds).map(([name, { dtype, dims, data }]) => [
          name,
          { dtype, dims, data },
        ]);
        const request: RunRequest = { feeds: Object.fromEntries(plain) as Feeds, outputs };
        return thread.call<Feeds>("run", request, {
          transfer: transfer ? [...new Set(Object.values(feeds).map(({ data }) => data.buffer))] : [],
          signal: runSignal,
        });
      },
      release: () => thread.end(),
    };
  } catch (error) {
    await thread.end();
    throw error;
  }
};
