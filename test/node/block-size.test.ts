import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { blockSizeProbe, cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { startThread } from "../../src/node/threads/start-thread.ts";

/** The block that ONNX Runtime's kernels have with this machine's instructions; undefined where that is not known. */
function expectedBlock(): number | undefined {
  if (process.arch !== "x64" || process.platform !== "linux") return undefined;
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? [];
  if (flags.includes("avx512f")) return 16;
  return flags.includes("avx2") ? 8 : undefined;
}

const expected = expectedBlock();

async function ask(checks: unknown): Promise<number | undefined> {
  const thread = startThread("images");
  try {
    return await thread.call<number | undefined>("blockSize", checks);
  } finally {
    await thread.end();
  }
}

describe.skipIf(expected === undefined)("the block size of ONNX Runtime's CPU kernels", () => {
  it("is found: training and inference would be slow without it", async () => {
    expect([await cpuBlockSize(), await cpuBlockSize("training")]).toEqual([expected, expected]);
  });

  it.each([0, 1])("is not taken when check %i does not agree", async (index) => {
    const checks = await blockSizeProbe("training");
    const other = checks[index]!;
    const wrong = other.candidates.filter(({ blockSize }) => blockSize !== expected);
    // The model of the wrong block, under the name of the right one.
    const mistaken = { ...other, candidates: [{ ...wrong[0]!, blockSize: expected! }] };
    expect(await ask(checks)).toBe(expected);
    expect(await ask(checks.map((check) => (check === other ? mistaken : check)))).toBeUndefined();
  });
});
