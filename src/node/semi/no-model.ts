import { UsageError } from "../../core/index.ts";
import type { StageKind } from "../../semi/index.ts";

/** Whether the model that a stage begins with is the teacher, and not the student. */
export const beginsWithTeacher = (kind: StageKind): boolean =>
  kind === "weak" || kind === "teach" || kind === "score";

/** The error for a stage whose model is not named. */
export function noModel(kind: StageKind): UsageError {
  return new UsageError(
    "semi/settings",
    beginsWithTeacher(kind)
      ? "Say what the teacher is (teacher, --teacher): a model's name, an architecture, or a file of weights; with teach: false also an ONNX file."
      : "Say what the student is (student, --student): an architecture such as resnext50_32x4d.",
  );
}
