import { access } from "node:fs/promises";

/** Whether something stands at a path, as far as it can be seen. */
export function pathExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
