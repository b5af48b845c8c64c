import type { Tensor } from "../../core/tensor.ts";
import type { Session, SessionRequest } from "../../runtime/session.ts";
import type { Answer, Call } from "../../runtime/thread-calls.ts";
import { createSession } from "../ort-session.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

/** The worker behind one Session: a run on WebAssembly blocks the thread that calls it. */
let session: Session | undefined;

async function open({ model, device }: SessionRequest): Promise<Answer> {
  session = await createSession(model, { device });
  const { inputNames, outputNames } = session;
  return { value: { inputNames, outputNames } };
}

export interface RunRequest {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[] | undefined;
}

async function run({ feeds, outputs }: RunRequest, call: Call): Promise<Answer> {
  // An abort that came during the run before this one is seen.
  await nextTurn();
  if (call.cancelled || !session) return { value: undefined };
  const value = await session.run(feeds, { transfer: true, ...(outputs ? { outputs } : {}) });
  return { value, transfer: [...new Set(Object.values(value).map(({ data }) => data.buffer))] };
}

answerCalls({ open, run });
