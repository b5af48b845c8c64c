import { createSession } from "ssl-resnext/web";
import { describe, expect, it } from "vitest";
import { sessionSuite, withCode } from "../../contract/session.ts";
import { arithmeticModel } from "../../support/tiny-model.ts";

// The modules of the tests fill up what a browser keeps of what was loaded.
performance.setResourceTimingBufferSize(10_000);

sessionSuite("onnxruntime-web in a page", { createSession, device: "cpu" });
sessionSuite("onnxruntime-web in a page", { createSession, device: "webgpu" });

describe("createSession in a page", () => {
  it("opens a model by its address", async () => {
    const url = URL.createObjectURL(new Blob([arithmeticModel()]));
    const session = await createSession(url);
    expect(session.inputNames).toEqual(["a", "b"]);
    await session.release();
  });

  it("refuses bytes that are no model", async () => {
    await expect(createSession(new TextEncoder().encode("no model"))).rejects.toThrow(
      withCode("runtime/model-rejected"),
    );
  });

  it("loads the build for WebAssembly alone, and for the GPU the one that suspends", () => {
    const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname);
    const builds = loaded.filter((path) => path.endsWith(".wasm")).map((path) => path.split("/").at(-1));
    expect(new Set(builds)).toEqual(
      new Set(["ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.jspi.wasm"]),
    );
  });
});
