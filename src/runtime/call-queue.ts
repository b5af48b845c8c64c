/** Calls that take place one after another. */
export interface CallQueue {
  add<Value>(call: () => Promise<Value>): Promise<Value>;
  /** Rejects all calls that are not over, and later ones; resolves when the one under way is over. */
  end(reason: Error): Promise<void>;
}

export function callQueue(): CallQueue {
  const waiting = new Set<(reason: Error) => void>();
  let last: Promise<unknown> = Promise.resolve();
  let ended: Error | undefined;
  return {
    add: (call) =>
      new Promise((resolve, reject) => {
        if (ended) throw ended;
        waiting.add(reject);
        const before = last;
        const turn = async (): Promise<void> => {
          await before;
          if (!ended) resolve(await call());
        };
        last = turn()
          .catch(reject)
          .finally(() => waiting.delete(reject));
      }),
    async end(reason) {
      ended ??= reason;
      for (const reject of waiting) reject(ended);
      await last;
    },
  };
}
