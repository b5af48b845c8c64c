import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { tensor } from "../../src/core/index.ts";
import { createSession } from "../../src/node/engines/onnxruntime/ort-session.ts";
import { createSession as createWebSession } from "../../src/web/index.ts";
import { row, sessionSuite, withCode } from "../contract/session.ts";
import { noOpenVino } from "../support/openvino.ts";
import { arithmeticModel, boundlessModel, slowModel } from "../support/tiny-model.ts";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
// Dawn reads it from the process's environment when the first WebGPU session opens.
process.env["VK_ICD_FILENAMES"] ??= swiftShader;

const noGpu = existsSync(swiftShader) ? undefined : `${swiftShader} is not installed`;

sessionSuite("onnxruntime-node", { createSession, device: "cpu" });
sessionSuite("onnxruntime-node", { createSession, device: "webgpu", missing: noGpu });
sessionSuite("OpenVINO", { createSession, engine: "openvino", device: "cpu", missing: noOpenVino });
sessionSuite("onnxruntime-web", { createSession: createWebSession, device: "cpu" });

describe("createSession", () => {
  it("opens a model by its path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "session-"));
    const path = join(folder, "model.onnx");
    await writeFile(path, arithmeticModel());
    const session = await createSession(path);
    await rm(folder, { recursive: true });
    expect((await session.run({ a: row(1, 2, 3), b: row(1, 1, 1) }))["sum"]).toEqual(row(2, 3, 4));
    await session.release();
  });

  it.each([
    ["bytes that are no model", new TextEncoder().encode("no model")],
    ["no bytes", new Uint8Array(0)],
    ["a path without a file", "/does/not/exist.onnx"],
  ])("refuses %s", async (_, model) => {
    await expect(createSession(model)).rejects.toThrow(withCode("runtime/model-rejected"));
  });

  it("says which device is missing", async () => {
    const device = process.platform === "darwin" ? "dml" : "coreml";
    await expect(createSession(arithmeticModel(), { device })).rejects.toThrow(
      withCode("runtime/device-unavailable"),
    );
    await expect(createSession(arithmeticModel(), { device })).rejects.toThrow(`Device "${device}"`);
  });

  it("refuses bfloat16, which ONNX Runtime's interface lacks", async () => {
    const session = await createSession(arithmeticModel());
    const a = tensor("bfloat16", [1, 3], new Uint16Array(3));
    await expect(session.run({ a, b: a })).rejects.toThrow("bfloat16");
    await session.release();
  });

  it("survives a run that needs more memory than there is", async () => {
    const session = await createSession(boundlessModel());
    const feeds = { a: tensor("float32", [1], Float32Array.of(1)) };
    await expect(session.run(feeds)).rejects.toThrow(withCode("runtime/out-of-memory"));
    await expect(session.run(feeds)).rejects.toThrow(withCode("runtime/out-of-memory"));
    await session.release();
  });

  it("gives the event loop to others while it runs, and an abort rejects at once", async () => {
    const session = await createSession(slowModel(), { threads: 1 });
    const a = tensor("float32", [300, 300], new Float32Array(300 * 300).fill(1e-3));
    const controller = new AbortController();
    const order: string[] = [];
    const first = session.run({ a }).then(() => order.push("first run"));
    const second = session.run({ a }, { signal: controller.signal }).catch((error: unknown) => {
      order.push("abort");
      return error;
    });
    setTimeout(() => controller.abort(new Error("changed my mind")), 1);
    expect(await second).toEqual(new Error("changed my mind"));
    await first;
    expect(order).toEqual(["abort", "first run"]);
    await expect(session.run({ a }, { signal: controller.signal })).rejects.toThrow("changed my mind");
    await session.release();
  });

  it("is released, and opened anew, over and over while it runs", async () => {
    const a = tensor("float32", [100, 100], new Float32Array(1e4));
    for (let round = 0; round < 15; round++) {
      const session = await createSession(slowModel(round * 10 + 1), { threads: 1 });
      const runs = Promise.allSettled([session.run({ a }), session.run({ a })]);
      if (round % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 1));
      await session.release();
      const rejections = (await runs).filter((run) => run.status === "rejected").map(({ reason }) => reason);
      expect(rejections).toEqual(rejections.map(() => withCode("runtime/released")));
    }
  });

  it("lets the process end by itself, released or not", async () => {
    const script = `
      import { createSession } from ${JSON.stringify(new URL("../../dist/node/engines/onnxruntime/ort-session.js", import.meta.url).href)};
      const model = Uint8Array.from(Buffer.from(process.argv[1], "base64"));
      const idle = await createSession(model);
      const released = await createSession(model);
      await released.release();
      const data = Float32Array.of(1, 2, 3), a = { dtype: "float32", dims: [1, 3], data };
      console.log((await idle.run({ a, b: a })).sum.data.join());`;
    const model = Buffer.from(arithmeticModel()).toString("base64");
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "-e", script, model],
      { timeout: 20_000 },
    );
    expect({ stdout, stderr }).toEqual({ stdout: "2,4,6\n", stderr: "" });
  });
});
