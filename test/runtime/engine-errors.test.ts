import { expect, it } from "vitest";
import { engineOpenFailed, engineRunFailed } from "../../src/runtime/engine-errors.ts";

const faults = `Check failed at node 7: ${"the shapes differ; ".repeat(40)}`;

it.each([
  ["runtime/out-of-memory", `${faults}std::bad_alloc`],
  ["runtime/model-rejected", faults],
])("%s is told from all that an engine says, of which the beginning is given on", (code, message) => {
  const cause = new Error(message);
  const opened = engineOpenFailed("OpenVINO", cause, "model.onnx");
  expect(opened).toMatchObject({ code, cause });
  expect(opened.message).toMatch(/^model\.onnx: .*: Check failed at node 7: .{370,380} …$/);
  expect(engineRunFailed("OpenVINO", cause).code).toBe(code.replace("model-rejected", "run-failed"));
});
