/**
 * The weights for inference out of the state of a training: moving averages where they are kept, and nothing else
 * that is remembered of a tensor. A tensor `name/slot` is what is remembered of the tensor `name`.
 */
export function inferenceWeights<T>(tensors: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const remembered = (name: string): boolean => {
    const end = name.lastIndexOf("/");
    return end > 0 && tensors.has(name.slice(0, end));
  };
  return new Map(
    [...tensors]
      .filter(([name]) => !remembered(name))
      .map(([name, tensor]): [string, T] => [name, tensors.get(`${name}/ema`) ?? tensor]),
  );
}
