import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  installOnnxRuntime,
  onnxRuntimeIntegrity,
  onnxRuntimeVersion,
} from "../../src/node/engines/onnxruntime/install-onnx-runtime.ts";
import { testCache } from "../support/hub-fixture.ts";

const lock = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")) as {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
};

describe("installOnnxRuntime", () => {
  it("pins what package-lock.json pins", () => {
    expect(lock.packages["node_modules/onnxruntime-node"]).toMatchObject({
      version: onnxRuntimeVersion,
      integrity: onnxRuntimeIntegrity,
    });
  });

  it("says what to do when downloads are off", async () => {
    await using cache = await testCache();
    const env = { ...process.env, SSL_RESNEXT_CACHE: cache.folder, SSL_RESNEXT_OFFLINE: "1" };
    await expect(installOnnxRuntime(env)).rejects.toMatchObject({
      code: "runtime/not-installed",
      message: expect.stringContaining("ONNXRUNTIME_NODE_INSTALL=skip") as string,
    });
  });

  it("leaves nothing behind when npm fails", async () => {
    await using cache = await testCache();
    const env = {
      ...process.env,
      SSL_RESNEXT_CACHE: cache.folder,
      npm_config_registry: "http://127.0.0.1:9/",
      npm_config_fetch_retries: "0",
      npm_config_cache: join(cache.folder, "npm"),
    };
    await expect(installOnnxRuntime(env)).rejects.toMatchObject({ code: "runtime/not-installed" });
    expect(await readdir(cache.folder)).toEqual(["npm"]);
  });

  it.skipIf(!process.env["SSL_RESNEXT_LONG_TESTS"])("makes a runtime that loads, once", async () => {
    await using cache = await testCache();
    const env = { ...process.env, SSL_RESNEXT_CACHE: cache.folder };
    const [folder, again] = await Promise.all([installOnnxRuntime(env), installOnnxRuntime(env)]);
    expect(again).toBe(folder);
    expect(await readdir(cache.folder)).toEqual([`onnxruntime-node-${onnxRuntimeVersion}`]);
    const require = createRequire(join(folder, "package.json"));
    expect(require("onnxruntime-node")).toHaveProperty("InferenceSession");
  });
});
