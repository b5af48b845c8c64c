/** Gathers the class names of an archive while it is walked. */
export interface ClassCollector {
  label(name: string): void;
  folder(path: string, holdsImages: boolean): void;
  /** The labels, and the folders that hold neither images nor folders: classes that happen to be empty. */
  classes(): string[];
}

/** A collector that has seen nothing; its memory grows with the folders, not with the images. */
export function classCollector(): ClassCollector {
  const labels = new Set<string>();
  const folders = new Map<string, boolean>();
  return {
    label: (name) => labels.add(name),
    folder: (path, holdsImages) => {
      const key = path.replace(/\/+$/, "");
      if (key !== "") folders.set(key, holdsImages || (folders.get(key) ?? false));
    },
    classes: () => {
      const parents = new Set([...folders.keys()].flatMap(ancestors));
      const empty = [...folders].filter(([path, holdsImages]) => !holdsImages && !parents.has(path));
      return [...new Set([...labels, ...empty.map(([path]) => path.slice(path.lastIndexOf("/") + 1))])];
    },
  };
}

function ancestors(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}
