import { sessionWorker } from "../../runtime/thread-session.ts";
import { openEngineSession } from "../engines/open-session.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

answerCalls(sessionWorker({ openSession: openEngineSession, nextTurn }));
