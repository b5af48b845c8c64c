import type { KoffiFunc, LibraryHandle } from "koffi";
import { ClusterError } from "../../core/index.ts";

/** The part of Open MPI that training uses. All calls but `finalize` are made from one thread at a time. */
export interface OpenMpi {
  readonly rank: number;
  readonly size: number;
  /** Sums each element over all ranks, in place, in a thread of its own: the event loop goes on. */
  sum(values: Float32Array): Promise<void>;
  /**
   * Begins to replace each element by the smallest of all ranks, in place.
   *
   * @returns whether it is done; asking moves it on, as Open MPI has no thread for that
   */
  min(values: Float64Array): () => boolean;
  /** The bytes of every rank, by rank. */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Leaves the job; every rank has to. It never resolves where mpirun is ending the job already. */
  finalize(): Promise<void>;
  /** Ends this process at once, without what Open MPI and Node do at an exit: both would wait for a peer that is gone. */
  exit(code: number): void;
}

type Handle = bigint;
type Elements = Float32Array | Float64Array | Uint8Array | Int32Array | BigUint64Array;
type Code = number;

/** Where a library is looked for by its name, unless `SSL_RESNEXT_MPI` has its path. */
const libraryNames = ["libmpi.so.40", "libmpi.40.dylib", "libmpi.so"];

/**
 * How Open MPI sends by TCP. By default a message is put onto a connection as one piece: the answer that a peer waits for, which came
 * to its exchange a moment later, lies behind it, and both send one after the other, which takes half as long again (measured).
 */
const tcpFlags = "send";

/** Bytes of the stacks of koffi's threads; Open MPI's calls do not fit into its default. */
const stackBytes = 2 ** 20;

/**
 * Loads Open MPI and joins the job that this process is a rank of.
 *
 * Its handles are addresses of symbols, unlike those of MPICH and of the standard ABI, which are numbers.
 *
 * @param path Of the library. @default where the system finds `libmpi.so.40`
 * @throws ClusterError `cluster/no-koffi`, `cluster/no-mpi`, `cluster/other-mpi`, `cluster/mpi`
 */
export async function openMpi(path: string | undefined = process.env["SSL_RESNEXT_MPI"]): Promise<OpenMpi> {
  const koffi = await loadKoffi();
  koffi.config({ ...koffi.config(), async_stack_size: stackBytes });
  const library = openLibrary(koffi, path);
  const addressOf = (symbol: string): Handle => koffi.address(library.symbol(symbol));
  const declare = <F extends (...args: never[]) => Code>(name: string, args: string): KoffiFunc<F> =>
    library.func(`int ${name}(${args})`) as KoffiFunc<F>;

  const world = addressOf("ompi_mpi_comm_world");
  const float = addressOf("ompi_mpi_float");
  const double = addressOf("ompi_mpi_double");
  const byte = addressOf("ompi_mpi_byte");
  const int = addressOf("ompi_mpi_int");
  const sum = addressOf("ompi_mpi_op_sum");
  const min = addressOf("ompi_mpi_op_min");
  const inPlace = 1n;

  const errorString = declare<(code: Code, text: Uint8Array, length: [number]) => Code>(
    "MPI_Error_string",
    "int code, void *text, _Out_ int *length",
  );
  const check = (code: Code, call: string): void => {
    if (code === 0) return;
    const text = new Uint8Array(8192);
    const length: [number] = [0];
    errorString(code, text, length);
    throw new ClusterError(
      "cluster/mpi",
      `${call} of Open MPI failed: ${new TextDecoder().decode(text.subarray(0, length[0]))}.`,
    );
  };
  /** A number that a call gives through a pointer. */
  const numberOf = (call: string, ask: (out: [number]) => Code): number => {
    const out: [number] = [0];
    check(ask(out), call);
    return out[0];
  };
  /** Runs a call in a thread of its own. */
  const inThread = <A extends readonly unknown[]>(
    call: string,
    declared: { readonly async: (...args: [...A, (error: unknown, code: Code) => void]) => void },
    ...args: A
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      declared.async(...args, (error, code) => {
        try {
          if (error) throw error as Error;
          check(code, call);
          resolve();
        } catch (failure) {
          reject(failure);
        }
      });
    });

  type Reduce = (
    place: bigint,
    values: Elements,
    count: number,
    type: Handle,
    op: Handle,
    comm: Handle,
  ) => Code;
  const handles = "uintptr_t type, uintptr_t op, uintptr_t comm";
  const allreduce = declare<Reduce>("MPI_Allreduce", `uintptr_t place, void *values, int count, ${handles}`);
  const startReduce = declare<(...args: [...Parameters<Reduce>, request: BigUint64Array]) => Code>(
    "MPI_Iallreduce",
    `uintptr_t place, void *values, int count, ${handles}, void *request`,
  );
  const test = declare<(request: BigUint64Array, done: [number], status: bigint) => Code>(
    "MPI_Test",
    "void *request, _Out_ int *done, uintptr_t status",
  );
  const part = "void *own, int count, uintptr_t type, void *all";
  type Own = [own: Elements, count: number, type: Handle, all: Elements];
  const allgather = declare<(...args: [...Own, count: number, type: Handle, comm: Handle]) => Code>(
    "MPI_Allgather",
    `${part}, int each, uintptr_t typeOfEach, uintptr_t comm`,
  );
  const allgatherv = declare<
    (...args: [...Own, counts: Int32Array, starts: Int32Array, type: Handle, comm: Handle]) => Code
  >("MPI_Allgatherv", `${part}, void *counts, void *starts, uintptr_t typeOfEach, uintptr_t comm`);
  const finalize = declare<() => Code>("MPI_Finalize", "");
  const exit = koffi.load(null).func("void _exit(int code)") as (code: number) => void;

  const init = declare<(argc: null, argv: null, wanted: number, given: [number]) => Code>(
    "MPI_Init_thread",
    "void *argc, void *argv, int wanted, _Out_ int *given",
  );
  process.env["OMPI_MCA_btl_tcp_flags"] ??= tcpFlags;
  const serialised = 2;
  const given = numberOf("MPI_Init_thread", (out) => init(null, null, serialised, out));
  if (given < serialised) {
    throw new ClusterError(
      "cluster/other-mpi",
      "This Open MPI was built without threads (MPI_THREAD_SERIALIZED), which training needs to go on while gradients are exchanged. Install one that has them; Debian's has.",
    );
  }
  // Errors come back as codes, instead of ending the process.
  const setErrorHandler = declare<(comm: Handle, handler: Handle) => Code>(
    "MPI_Comm_set_errhandler",
    "uintptr_t comm, uintptr_t handler",
  );
  check(setErrorHandler(world, addressOf("ompi_mpi_errors_return")), "MPI_Comm_set_errhandler");
  type Ask = (comm: Handle, out: [number]) => Code;
  const rankOf = declare<Ask>("MPI_Comm_rank", "uintptr_t comm, _Out_ int *rank");
  const sizeOf = declare<Ask>("MPI_Comm_size", "uintptr_t comm, _Out_ int *size");
  const size = numberOf("MPI_Comm_size", (out) => sizeOf(world, out));

  return {
    rank: numberOf("MPI_Comm_rank", (out) => rankOf(world, out)),
    size,
    sum: (values) => inThread("MPI_Allreduce", allreduce, inPlace, values, values.length, float, sum, world),
    min(values) {
      const request = new BigUint64Array(1);
      const done: [number] = [0];
      check(startReduce(inPlace, values, values.length, double, min, world, request), "MPI_Iallreduce");
      return () => {
        check(test(request, done, 0n), "MPI_Test");
        return done[0] !== 0;
      };
    },
    async gather(bytes) {
      const counts = new Int32Array(size);
      const own = Int32Array.of(bytes.length);
      await inThread("MPI_Allgather", allgather, own, 1, int, counts, 1, int, world);
      const starts = new Int32Array(size);
      for (let rank = 1; rank < size; rank++) starts[rank] = starts[rank - 1]! + counts[rank - 1]!;
      const all = new Uint8Array(starts.at(-1)! + counts.at(-1)!);
      await inThread(
        "MPI_Allgatherv",
        allgatherv,
        bytes,
        bytes.length,
        byte,
        all,
        counts,
        starts,
        byte,
        world,
      );
      return Array.from(starts, (start, rank) => all.slice(start, start + counts[rank]!));
    },
    finalize: () => inThread("MPI_Finalize", finalize),
    exit,
  };
}

type Koffi = typeof import("koffi");

/** @throws ClusterError `cluster/no-koffi` */
export async function loadKoffi(): Promise<Koffi> {
  try {
    const loaded = (await import("koffi")) as Koffi & { readonly default?: Koffi };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new ClusterError(
      "cluster/no-koffi",
      `Training on several ranks calls Open MPI through the package koffi, which cannot be loaded (${(cause as Error).message.split("\n")[0]!}). Install it beside this package: npm install koffi`,
      { cause },
    );
  }
}

function openLibrary(koffi: Koffi, path: string | undefined): LibraryHandle {
  const reasons: string[] = [];
  for (const name of path === undefined ? libraryNames : [path]) {
    let library: LibraryHandle;
    try {
      // Open MPI opens its components itself, and they look for its symbols among the global ones.
      library = koffi.load(name, { global: true });
    } catch (error) {
      reasons.push(`${name}: ${(error as Error).message.split("\n")[0]!}`);
      continue;
    }
    if (has(library, "ompi_mpi_comm_world")) return library;
    throw new ClusterError(
      "cluster/other-mpi",
      `${name} is ${nameOf(library)}: training on several ranks is tested with Open MPI alone, whose handles are other ones. Install it (Debian: apt-get install openmpi-bin libopenmpi3), and start with its mpirun; SSL_RESNEXT_MPI names its library where there are several.`,
    );
  }
  throw new ClusterError(
    "cluster/no-mpi",
    `Open MPI's library was not found. Looked for ${reasons.join("; ")}. Install it on every host (Debian and Ubuntu: apt-get install openmpi-bin libopenmpi3; elsewhere the package openmpi), or name it: SSL_RESNEXT_MPI=/path/to/libmpi.so.40`,
  );
}

function has(library: LibraryHandle, symbol: string): boolean {
  try {
    library.symbol(symbol);
    return true;
  } catch {
    return false;
  }
}

/** What an MPI calls itself, which each of them may be asked before it was begun. */
function nameOf(library: LibraryHandle): string {
  if (!has(library, "MPI_Get_library_version")) return "no MPI";
  const text = new Uint8Array(8192);
  const length: [number] = [0];
  const ask = library.func("int MPI_Get_library_version(void *text, _Out_ int *length)") as (
    ...args: [Uint8Array, [number]]
  ) => Code;
  ask(text, length);
  const [first = ""] = new TextDecoder().decode(text.subarray(0, length[0])).split("\n");
  return `"${first.trim().replace(/\s+/g, " ")}"`;
}
