import { sessionWorker } from "../../runtime/thread-session.ts";
import { answerCalls, nextTurn } from "../answer-calls.ts";
import { openEngineSession } from "../ort-session.ts";

answerCalls(sessionWorker({ openSession: openEngineSession, nextTurn }));
