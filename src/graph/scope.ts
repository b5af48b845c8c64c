let path: readonly string[] = [];

/**
 * Names the module whose nodes `body` makes: scopes nest to dotted paths such as `layer1.0.conv2`.
 * Graphs are built synchronously, so the path is a plain stack.
 */
export function scope<T>(name: string, body: () => T): T {
  return within([...path, name], body);
}

/** Makes nodes on behalf of a module that was left already, given its whole dotted path. */
export function atScope<T>(dotted: string, body: () => T): T {
  return within(dotted === "" ? [] : dotted.split("."), body);
}

function within<T>(inner: readonly string[], body: () => T): T {
  const outer = path;
  path = inner;
  try {
    return body();
  } finally {
    path = outer;
  }
}

/** Dotted path of the module under construction; empty at the top. */
export function currentScope(): string {
  return path.join(".");
}
