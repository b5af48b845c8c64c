import { sessionWorker } from "../../runtime/thread-session.ts";
import { answerCalls, nextTurn } from "../answer-calls.ts";
import { deviceRuntime } from "../ort-session.ts";

answerCalls(sessionWorker({ ...deviceRuntime(), nextTurn }));
