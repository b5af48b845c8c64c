import { sessionWorker } from "../../runtime/thread-session.ts";
import { onnxRuntime, openInferenceSession } from "../onnx/onnx-runtime.ts";
import { answerCalls, nextTurn } from "../threads/answer-calls.ts";

answerCalls(sessionWorker({ runtime: onnxRuntime, openSession: openInferenceSession, nextTurn }));
