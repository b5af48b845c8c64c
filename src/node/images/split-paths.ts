import { DataError } from "../../core/index.ts";

// PATH_MAX is 4096 on Linux and less elsewhere.
const maxPathLength = 32 * 1024;

/** The paths of a list, separated by NUL when the first chunk has one (`find -print0`), else by line ends. */
export async function* splitPaths(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let separator: string | RegExp | undefined;
  let rest = "";
  for await (const chunk of chunks) {
    separator ??= chunk.includes(0) ? "\0" : /\r?\n/;
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(separator);
    rest = parts.pop()!;
    for (const path of parts) if (path !== "") yield path;
    if (rest.length > maxPathLength) {
      throw new DataError(
        "data/stdin",
        `expected a list of paths, one entry is longer than ${maxPathLength} characters.`,
      );
    }
  }
  rest += decoder.decode();
  const last = rest.replace(/\r$/, "");
  if (last !== "") yield last;
}
