import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { glob } from "tinyglobby";
import { beforeAll, describe, expect, it } from "vitest";
import { memoryStorage, writeText } from "../../src/core/storage/index.ts";
import { openImages, sortNaturally } from "../../src/data/index.ts";
import { matchingFiles } from "../../src/data/sources/wildcards.ts";
import { fileStorage } from "../../src/node/files/file-storage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { collect } from "./collect.ts";

const root = temporaryFolder();

beforeAll(async () => {
  for (const file of [
    "a/1.jpg",
    "a/10.jpg",
    "a/2.JPG",
    "a/.hidden.jpg",
    "a/deep/er/x.jpg",
    "a/deep/x.tar",
    "b/1.jpg",
    "b (copy)/1.jpg",
    "b [old]/1.jpg",
    ".cache/1.jpg",
    "a.tar",
    "ab.tar",
    "abc.tar",
    "!odd.jpg",
  ]) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), "");
  }
  await symlink(join(root, "a"), join(root, "linked"));
  await symlink(join(root, "a.tar"), join(root, "link.tar"));
  await symlink(join(root, "nowhere"), join(root, "dangling.tar"));
});

const patterns = [
  "*.tar",
  "?.tar",
  "a*.tar",
  "[ab].tar",
  "[!a]*.tar",
  "a@(b|bc).tar",
  "!(a).tar",
  "*/1.jpg",
  "*/*.jpg",
  "a/*",
  "a/*.jpg",
  "a/.*.jpg",
  ".*/*.jpg",
  ".cache/*.jpg",
  "**",
  "**/*.jpg",
  "**/x.*",
  "a/**",
  "a/**/x.jpg",
  "**/deep/**/*",
  "**/**/1.jpg",
  "*/**/x.jpg",
  "linked/*.jpg",
  "./a//*.jpg",
  "a/../b/*.jpg",
  "a/*/",
  "b \\[old\\]/*.jpg",
  "absent/*.jpg",
  "a.tar/*.jpg",
];

describe("wildcards", () => {
  // Absolute, and from where the tests run.
  it.each(patterns.flatMap((pattern) => [`${root}/${pattern}`, `${relative(".", root)}/${pattern}`]))(
    "%s names the files that tinyglobby finds",
    async (pattern) => {
      const expected = await glob(pattern, { expandDirectories: false, absolute: isAbsolute(pattern) });
      if (expected.length > 0)
        expect(await matchingFiles(fileStorage, pattern)).toEqual(sortNaturally(expected));
      else
        await expect(matchingFiles(fileStorage, pattern)).rejects.toMatchObject({
          name: "DataError",
          code: "data/no-match",
          message: `no file matches "${pattern}". Check the pattern, and quote it for the shell.`,
        });
    },
  );

  it("takes parentheses without a sign before them literally, as copies of folders have them", async () => {
    const found = await matchingFiles(fileStorage, `${root}/b (copy)/*.jpg`);
    expect(found).toEqual([`${root}/b (copy)/1.jpg`]);
  });

  it("ends where links form a loop", async () => {
    await mkdir(join(root, "loop/inner"), { recursive: true });
    await writeFile(join(root, "loop/inner/1.jpg"), "");
    await symlink(join(root, "loop"), join(root, "loop/inner/back"));
    expect(await matchingFiles(fileStorage, `${root}/loop/**/*.jpg`)).toEqual([`${root}/loop/inner/1.jpg`]);
  });

  it("works on every storage that can list", async () => {
    const url = pathToFileURL(root).href;
    expect(await matchingFiles(fileStorage, `${url}/a*.tar`)).toEqual(
      ["a.tar", "ab.tar", "abc.tar"].map((name) => `${url}/${name}`),
    );

    const storage = memoryStorage();
    await storage.makeFolder("memory:photos/cat");
    await writeText(storage, "memory:photos/cat/1.jpg", "cat");
    await writeText(storage, "memory:photos/2.jpg", "dog");
    expect(await matchingFiles(storage, "memory:*/*.jpg")).toEqual(["memory:photos/2.jpg"]);
    const gunzip = (_: string, compressed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
      compressed;
    const platform = { storageFor: () => storage, gunzip };
    const images = await openImages(platform, ["memory:photos", "memory:**/*.jpg"]);
    expect((await collect(images)).map(({ id }) => id)).toEqual([
      "memory:photos/2.jpg",
      "memory:photos/cat/1.jpg",
      "memory:photos/2.jpg",
      "memory:photos/cat/1.jpg",
    ]);
  });
});
