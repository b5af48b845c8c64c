// The same as all-reduce.ts, in C: what Open MPI gives without a detour.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, elements = atoi(argv[1]), rounds = atoi(argv[2]);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  float *values = calloc(elements, sizeof(float));
  double seconds = 0;
  for (int round = 0; round <= rounds; round++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double began = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, values, elements, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (round > 0) seconds += MPI_Wtime() - began;
  }
  if (rank == 0) printf("%f\n", seconds / rounds);
  MPI_Finalize();
}
