import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** As a rank: sums so many elements over all ranks, so many times; the first rank prints the mean seconds of one. */
const [elements, rounds, repository] = process.argv.slice(2) as [string, string, string];

interface Ranks {
  readonly rank: number;
  sum(values: Float32Array): Promise<void>;
  conclude(failure: undefined): Promise<unknown>;
  leave(exitCode: number): Promise<number>;
}
type Join = (options: { signal: AbortSignal; onPeerLost: (error: Error) => void }) => Promise<Ranks>;
const built = pathToFileURL(join(repository, "dist/cluster/mpi/join-ranks.js")).href;
const { joinRanks } = (await import(built)) as { readonly joinRanks: Join };

const ranks = await joinRanks({ signal: new AbortController().signal, onPeerLost: console.error });
const values = new Float32Array(Number(elements));
let seconds = 0;
for (let round = 0; round <= Number(rounds); round++) {
  await ranks.sum(new Float32Array(1));
  const began = performance.now();
  await ranks.sum(values);
  if (round > 0) seconds += (performance.now() - began) / 1000;
}
if (ranks.rank === 0) console.log(`${seconds / Number(rounds)}`);
await ranks.conclude(undefined);
await ranks.leave(0);
