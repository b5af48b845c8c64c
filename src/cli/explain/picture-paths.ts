import { basename, extname, join } from "node:path";

/**
 * Names a picture for each image of a run, in one folder: `dog-explained.png` for `photos/dog.jpg`; of images with
 * the same name the later ones are numbered.
 */
export function picturePaths(folder: string): (image: string) => string {
  const taken = new Set<string>();
  return (image) => {
    const stem = basename(image, extname(image));
    let name = `${stem}-explained`;
    for (let number = 2; taken.has(name); number++) name = `${stem}-explained-${number}`;
    taken.add(name);
    return join(folder, `${name}.png`);
  };
}
