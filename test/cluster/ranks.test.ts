import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { twoHosts } from "../../bench/fixtures/two-hosts.ts";
import { seededRandom } from "../../src/core/index.ts";
import { exportSafetensors } from "../../src/node/library.ts";
import type { TrainingEvent } from "../../src/train/run/options.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { mpiMissing, rankEnvironment, ranksOf, runRanks } from "../support/mpi.ts";
import { ended, jsonLines, killSeed, onLines, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const missing = mpiMissing();
const folder = temporaryFolder();
const data = join(folder, "data");
const weights = join(folder, "small.safetensors");
const at = (name: string): string => join(folder, name);
const recipe = "--epochs 4 --batch-size 8 --seed 7 --drop-rate 0.1 --drop-path-rate 0.1 --ema-decay 0.9";
const line = (out: string, ...more: readonly string[]): readonly string[] =>
  [["train", data, "--weights", weights, "--out", at(out), "--json"], recipe.split(" "), more].flat();

/** Rows of a run's history without what differs between machines and hours. */
function historyOf(out: string): readonly unknown[] {
  const rows = jsonLines<Record<string, unknown>>(readFileSync(join(at(out), "metrics.jsonl"), "utf8"));
  return rows.map((row) => ({ ...row, imagesPerSecond: undefined, peakMemoryBytes: undefined }));
}

const isStatistic = (name: string): boolean => /running_|num_batches/.test(name);

/** The tensors of the last checkpoint that a test is about. */
async function lastOf(out: string, wanted: (name: string) => boolean = () => true): Promise<unknown> {
  const tensors = await tensorsOf(join(at(out), "last.safetensors"));
  return new Map([...tensors].filter(([name]) => wanted(name)));
}

/** Runs two ranks until `enough` says so of an event, and does something to them then. */
async function disturbed(
  args: readonly string[],
  enough: (event: TrainingEvent) => boolean,
  disturb: (ranks: readonly number[], launcher: number) => void,
): Promise<CliRun & { readonly milliseconds: number }> {
  const child = startCli([...args, "--ranks", "2"], {
    NO_COLOR: "1",
    // Seconds that mpirun leaves the others of a dead rank: they have less to save than a test has to wait.
    OMPI_MCA_odls_base_sigkill_timeout: "1",
  });
  let began = 0;
  let rest = "";
  child.stdout.on("data", (chunk: string) => {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop()!;
    if (began > 0 || !lines.some((text) => text.startsWith("{") && enough(JSON.parse(text) as TrainingEvent)))
      return;
    began = performance.now();
    disturb(ranksOf(child), child.pid!);
  });
  const run = await ended(child);
  return { ...run, milliseconds: performance.now() - began };
}

/** Sends a signal to a process, unless it came to its end already. */
const kill = (pid: number | undefined, signal: NodeJS.Signals): void => {
  if (pid !== undefined) process.kill(pid, signal);
};

const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

const isStep =
  (number: number) =>
  (event: TrainingEvent): boolean =>
    event.type === "step" && event.step >= number;

describe.skipIf(missing !== undefined)(`two ranks${missing === undefined ? "" : `: ${missing}`}`, () => {
  beforeAll(async () => {
    await writeColouredImages(data, 16);
    for (let i = 0; i < 6; i++) writeFileSync(join(data, "red", `broken-${i}.png`), `no picture ${i}`);
    await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 5 }), weights);
  });

  it("train the same parameters, bit for bit, as one process that accumulates two micro-batches", async () => {
    const alone = await runCli(line("alone", "--micro-batch", "4"));
    const shared = await runRanks(line("shared"), line("shared"));
    expect([alone.code, shared.code]).toEqual([0, 0]);
    const isParameter = (name: string): boolean => !isStatistic(name);
    expect(await lastOf("shared", isParameter)).toEqual(await lastOf("alone", isParameter));
    const steps = (out: string): readonly unknown[] =>
      historyOf(out).filter((row) => (row as TrainingEvent).type === "step");
    expect(steps("shared")).toHaveLength(20);
    expect(steps("shared")).toEqual(steps("alone"));
  });

  it("have all of a run in common with one process where no statistics are moved, validation included", async () => {
    const frozen = ["--batch-norm", "frozen", "--micro-batch", "4"];
    const alone = await runCli(line("frozen-alone", ...frozen));
    expect(alone.code).toBe(0);
    const { code, stdout } = await runCli(line("frozen-shared", ...frozen, "--ranks", "2"));
    expect(code).toBe(0);
    expect(await lastOf("frozen-shared")).toEqual(await lastOf("frozen-alone"));
    expect(historyOf("frozen-shared")).toEqual(historyOf("frozen-alone"));
    // One of them tells what happens, to the others as well.
    const skipped = (text: string): readonly string[] =>
      jsonLines<TrainingEvent>(text).flatMap((event) => (event.type === "skipped" ? [event.id] : []));
    expect(skipped(alone.stdout).length).toBeGreaterThan(0);
    expect(skipped(stdout)).toEqual(skipped(alone.stdout));
    const types = jsonLines<TrainingEvent>(stdout).map(({ type }) => type);
    expect(types.filter((type) => type === "started" || type === "finished")).toEqual([
      "started",
      "finished",
    ]);
  });

  it.each([
    [{}, "send (environment)"],
    [{ OMPI_MCA_btl_tcp_flags: "send,put,need-ack" }, "send,put,need-ack (environment)"],
  ])("send by TCP in pieces, unless they are told otherwise: %o", (given, flags) => {
    const shown = at(`parameters-${flags.length}`);
    const program = `const { openMpi } = await import(${JSON.stringify(new URL("../../dist/cluster/mpi/open-mpi.js", import.meta.url).href)});
      await (await openMpi()).finalize();`;
    execFileSync("mpirun", ["--quiet", "-np", "1", process.execPath, "--input-type=module", "-e", program], {
      env: {
        ...rankEnvironment,
        OMPI_MCA_mpi_show_mca_params: "all",
        OMPI_MCA_mpi_show_mca_params_file: shown,
        ...given,
      },
    });
    expect(readFileSync(shown, "utf8")).toContain(`\nbtl_tcp_flags=${flags}\n`);
  });

  it("do not begin when they would do different things, and name these", async () => {
    const { code, stderr } = await runRanks(line("differ"), line("differ", "--learning-rate", "0.05"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/learningRate: 0\.\d+ on rank 0, 0\.05 on rank 1/);
    expect(stderr.match(/error:/g)).toHaveLength(1);
    expect(existsSync(at("differ"))).toBe(false);
  });

  it("end together when one of them fails, which says why", async () => {
    const other = line("fails").map((word) => (word === data ? at("absent") : word));
    const { code, stderr } = await runRanks(line("fails"), other);
    expect(code).toBe(1);
    expect(stderr).toContain("rank 1 of 2: ");
    expect(stderr).toContain("[data/not-found]");
    expect(stderr.match(/error:/g)).toHaveLength(1);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "stop at the same step when one of them gets %s, and go on",
    async (signal) => {
      const out = `stopped-${signal}`;
      const { code, stderr } = await disturbed(line(out), isStep(2), ([, second]) => kill(second, signal));
      expect(stderr.match(/stopped after step \d+; |peer lost/g)).toHaveLength(1);
      expect(code).toBe(signal === "SIGTERM" ? 143 : 130);
      expect((await runCli(line(out, "--resume", "--ranks", "2"))).code).toBe(0);
      expect(await lastOf(out)).toEqual(await lastOf("shared"));
    },
  );

  it.each([
    ["a closed terminal", ["SIGHUP"], 129],
    ["kill -9", ["SIGKILL"], null],
    ["two SIGTERM", ["SIGTERM", "SIGTERM"], 143],
  ] as const)("do not outlive who started them: %s", async (name, signals, exitCode) => {
    const out = `left by ${name}`;
    let ranks: readonly number[] = [];
    const { code } = await disturbed(line(out), isStep(2), (processes, launcher) => {
      ranks = processes;
      for (const signal of signals) kill(launcher, signal);
    });
    expect(code).toBe(exitCode);
    await vi.waitUntil(() => !ranks.some(isThere), { timeout: 30_000, interval: 100 });
    if (signals.length === 1) expect(existsSync(join(at(out), "last.safetensors"))).toBe(true);
    expect((await runCli(line(out, "--resume", "--ranks", "2"))).code).toBe(0);
    expect(await lastOf(out)).toEqual(await lastOf("shared"));
  });

  it("end with 75 when one of them is killed, or gives no sign of life for the time limit", async () => {
    const limit = ["--peer-timeout", "3"];
    const words = "peer lost; start again with --resume";
    const killed = await disturbed(line("killed", ...limit), isStep(2), ([, second]) =>
      kill(second, "SIGKILL"),
    );
    expect(killed).toMatchObject({ code: 75, stderr: expect.stringContaining(words) as string });
    const frozen = await disturbed(line("frozen", ...limit), isStep(2), ([first]) => kill(first, "SIGSTOP"));
    expect(frozen).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(`rank 1 of 2: ${words}`) as string,
    });
    // The ranks within the limit and a second; mpirun takes 6 s to end the frozen one.
    expect(frozen.milliseconds).toBeLessThan(15_000);
  });

  it("end with 75 when the way between their hosts is cut, and mpirun with them", async ({ skip }) => {
    using hosts = twoHosts();
    if (!hosts) {
      skip("there can be no network namespaces here (root, and Debian's iproute2)");
      return;
    }
    const [here, there] = hosts.addresses;
    const limit = ["--hosts", `${here}:1,${there}:1`, "--peer-timeout", "3", "--epochs", "500"];
    const child = startCli(
      line("cut", ...limit),
      { NO_COLOR: "1", OMPI_MCA_odls_base_sigkill_timeout: "1", ...hosts.settings },
      hosts.first,
    );
    let cutAt = Infinity;
    let running = 0;
    onLines(child, (event: TrainingEvent) => {
      if (cutAt < Infinity || !isStep(2)(event)) return;
      cutAt = performance.now();
      running = hosts.running().length;
      hosts.cut();
    });
    const { code, stderr } = await ended(child);
    // This one and its mpirun, a rank, and ssh.
    expect(running).toBeGreaterThanOrEqual(4);
    const seconds = (performance.now() - cutAt) / 1000;
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(
        /rank 0 of 2: peer lost; start again with --resume \(no answer for 3 s\)\n(.*\n)*error: peer lost; start again with --resume \(mpirun still waited for a host/,
      ) as string,
    });
    // 3 s until a rank says so, 11 s for mpirun to end by itself.
    expect(seconds).toBeLessThan(25);
    expect(hosts.running()).toEqual([]);
  });

  const kills = Number(process.env["SSL_RESNEXT_KILLS"] ?? (process.env["SSL_RESNEXT_LONG_TESTS"] ? 5 : 1));
  it(`come to the same weights after ${kills} kills at random moments (SSL_RESNEXT_KILL_SEED=${killSeed})`, async () => {
    const random = seededRandom(killSeed);
    let killed = 0;
    for (let chain = 0; killed < kills; chain++) {
      const out = `random-${chain}`;
      for (;;) {
        const saving = ["--resume", "--save-minutes", killed % 2 === 0 ? "0" : "0.001"];
        if (killed === kills) {
          expect((await runCli(line(out, ...saving, "--ranks", "2"))).code).toBe(0);
          break;
        }
        const after = random.integer(6);
        let seen = 0;
        const { code } = await disturbed(
          line(out, ...saving),
          () => seen++ >= after,
          (ranks) => kill(ranks[random.integer(2)], "SIGKILL"),
        );
        if (code === 0) break;
        expect(code).toBe(75);
        killed++;
      }
      expect(await lastOf(out)).toEqual(await lastOf("shared"));
    }
  }, 600_000);

  it("go on with a run of one process, and one process with theirs", async () => {
    const first = await disturbed(line("moved"), isStep(2), (_, launcher) => kill(launcher, "SIGTERM"));
    expect(first.code).toBe(143);
    const { code, stdout } = await runCli(line("moved", "--resume"));
    expect(code).toBe(0);
    expect(stdout).toContain('"type":"finished"');
  });
});
