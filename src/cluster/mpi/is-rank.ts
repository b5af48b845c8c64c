import { UsageError } from "../../core/index.ts";

/**
 * Whether this process was started as one of several ranks of Open MPI: by its mpirun, or by a scheduler through PMIx.
 *
 * @throws UsageError `cluster/other-launcher` for one of several processes that something else started
 */
export function isRank(environment: NodeJS.ProcessEnv = process.env): boolean {
  const many = (name: string, unknown = 1): boolean => Number(environment[name] ?? unknown) > 1;
  if (environment["OMPI_COMM_WORLD_SIZE"] !== undefined) return many("OMPI_COMM_WORLD_SIZE");
  // Slurm may tell a single process of it, too.
  if (environment["PMIX_RANK"] !== undefined) return many("SLURM_STEP_NUM_TASKS", 2);
  if (many("PMI_SIZE")) {
    throw new UsageError(
      "cluster/other-launcher",
      "This was started as one of several processes by another launcher than Open MPI's: MPICH's mpiexec, or srun --mpi=pmi2. Start it with Open MPI's mpirun, or with srun --mpi=pmix.",
    );
  }
  if (many("SLURM_STEP_NUM_TASKS")) {
    throw new UsageError(
      "cluster/other-launcher",
      "srun started several of these, which know nothing of each other and would write over each other's files. Start them with srun --mpi=pmix, or one alone with --ntasks=1.",
    );
  }
  return false;
}
