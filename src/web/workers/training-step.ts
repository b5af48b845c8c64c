import { stepWorker } from "../../train/step/step-worker.ts";
import { answerCalls } from "../answer-calls.ts";
import { openOnnxRuntime } from "../ort-session.ts";

// WebAssembly copies what it is given, and never writes into it.
answerCalls(stepWorker({ openRuntime: openOnnxRuntime, writesInto: false }));
