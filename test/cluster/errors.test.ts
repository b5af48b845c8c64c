import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { isRank } from "../../src/cluster/mpi/is-rank.ts";
import { mpirunArguments } from "../../src/cluster/mpi/launch.ts";
import type { Recipe } from "../../src/train/recipe/fields.ts";
import { resolveRecipe } from "../../src/train/recipe/resolve-recipe.ts";
import { checkRanks, type Ranks } from "../../src/train/run/ranks.ts";
import { mpiMissing } from "../support/mpi.ts";
import { packageCopy } from "../support/package-copy.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const hasSsh = spawnSync("ssh", ["-V"]).status === 0;
const train = ["train", join(folder, "absent"), "-m", "resnext20_cifar10", "-o", join(folder, "run")];
/** What mpirun tells its ranks; none of these comes as far as to join a job. */
const rank = { OMPI_COMM_WORLD_SIZE: "2", OMPI_COMM_WORLD_RANK: "0" };

describe("a rank is refused", () => {
  it("without Open MPI's library, saying where it was looked for and what to install", async () => {
    const { code, stderr } = await runCli(train, undefined, {
      ...rank,
      SSL_RESNEXT_MPI: "/absent/libmpi.so",
    });
    expect(code).toBe(1);
    expect(stderr).toContain("[cluster/no-mpi]");
    expect(stderr).toContain("/absent/libmpi.so");
    expect(stderr).toContain("apt-get install openmpi-bin libopenmpi3");
  });

  it("with the library of something else, by its name", async () => {
    const { code, stderr } = await runCli(train, undefined, { ...rank, SSL_RESNEXT_MPI: "libm.so.6" });
    expect(code).toBe(1);
    expect(stderr).toContain("libm.so.6 is no MPI");
    expect(stderr).toContain("[cluster/other-mpi]");
  });

  it("without koffi, with the command that installs it", async () => {
    // The built package where nothing can be found but what it always needs.
    const copy = packageCopy(join(folder, "copy"), "without packages");
    const program = `const { openMpi } = await import(${JSON.stringify(join(copy, "dist/cluster/mpi/open-mpi.js"))});
      await openMpi().catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    const { code, message } = JSON.parse(stdout) as Record<string, string>;
    expect(code).toBe("cluster/no-koffi");
    expect(message).toContain("npm install koffi");
  });

  it.each([
    [{ PMI_SIZE: "2" }, /MPICH's mpiexec/],
    [{ SLURM_STEP_NUM_TASKS: "4" }, /srun --mpi=pmix/],
  ])("when %o says that another launcher started it", (environment, message) => {
    expect(() => isRank(environment)).toThrow(message);
  });

  it.each([
    [{ OMPI_COMM_WORLD_SIZE: "2" }, true],
    [{ OMPI_COMM_WORLD_SIZE: "1" }, false],
    [{ PMIX_RANK: "1" }, true],
    [{ PMIX_RANK: "0", SLURM_STEP_NUM_TASKS: "1" }, false],
    [{ SLURM_STEP_NUM_TASKS: "1" }, false],
    [{}, false],
  ])("or is none: %o", (environment, expected) => {
    expect(isRank(environment)).toBe(expected);
  });

  it("as a process of semi that trains nothing", async () => {
    for (const command of ["score", "select", "report"]) {
      const { code, stderr } = await runCli(["semi", command, "-o", folder], undefined, rank);
      expect([code, stderr]).toEqual([2, expect.stringContaining("[train/ranks]")]);
    }
  });
});

describe("a recipe is refused", () => {
  const ranks = { size: 4 } as Ranks;
  const check = (values: Partial<Recipe>): void => checkRanks(resolveRecipe([{ name: "r", values }]), ranks);

  it.each([
    [{ batchSize: 30 }, /multiple of 4.*Take 28 or 32/],
    [{ batchSize: 40, microBatch: 4 }, /multiple of 16.*Take 32 or 48/],
    [{ batchSize: 2 }, /Take 4/],
    [{ mode: "head" }, /one process/],
  ] as const)("that four ranks cannot share: %o", (values, message) => {
    expect(() => check(values)).toThrow(message);
  });

  it("only then", () => {
    expect(() => check({ batchSize: 64, microBatch: 16 })).not.toThrow();
  });
});

describe("where ranks run", () => {
  it("is told to mpirun", () => {
    expect(mpirunArguments({ ranks: 3 }).join(" ")).toContain("--host localhost:3 -np 3");
    expect(mpirunArguments({ hosts: "a:2,b" }).join(" ")).toContain("--host a:2,b:1 -np 3");
  });

  it("is told to other hosts with what they need of the environment", () => {
    const env = { AWS_ACCESS_KEY_ID: "key", ALL_PROXY: "host:1", SSL_CERT_FILE: "a.pem", HOME: "/home/me" };
    const passed = mpirunArguments({ hosts: "a,b" }, env).flatMap((word, index, all) =>
      all[index - 1] === "-x" ? [word] : [],
    );
    expect(passed).toEqual(["AWS_ACCESS_KEY_ID", "ALL_PROXY", "SSL_CERT_FILE"]);
  });

  it.skipIf(mpiMissing() ?? !hasSsh)(
    "is refused where ssh cannot reach it, and not to be tried again",
    async () => {
      const { code, stderr } = await runCli(
        ["train", folder, "-m", "resnext20_cifar10", "-o", join(folder, "far"), "--hosts", "host.invalid:2"],
        undefined,
        { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
      );
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/host\.invalid.*\[cluster\/unreached-host\]/s),
      ]);
      expect(stderr).not.toContain("peer lost");
    },
  );

  it.each(["", "a:0", "a:2:3", "a b", "a,,b", "-x"])("is refused as %j", (hosts) => {
    expect(() => mpirunArguments({ hosts })).toThrow(expect.objectContaining({ code: "cluster/hosts" }));
  });

  it("is refused when both ways of saying it differ, and a time limit without peers", async () => {
    const both = await runCli([...train, "--ranks", "3", "--hosts", "a:2"]);
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("[cluster/hosts]")]);
    const alone = await runCli([...train, "--peer-timeout", "5"]);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("[cluster/no-effect]")]);
  });
});
