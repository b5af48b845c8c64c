import { sessionWorker } from "../../runtime/thread-session.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";
import { deviceRuntime } from "../threads/device-runtime.ts";

answerCalls(sessionWorker({ ...deviceRuntime(), nextTurn }));
