import { utimesSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { DataError } from "../../../src/core/index.ts";
import type { ObjectSource } from "../../../src/node/objects/object-source.ts";
import { objectReading } from "../../../src/node/objects/object-storage.ts";
import { openSpool } from "../../../src/node/objects/spool.ts";
import { rangeServer } from "../../support/range-server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What a plain server has. */
const plainSource: ObjectSource = {
  stallAfter: 15_000,
  send: (uri, { method = "GET", headers = {} }, signal) => fetch(uri, { method, headers, signal }),
  refusal: (uri, status) => new DataError("data/unreadable", `${uri}: ${status}`),
};

describe("a small archive", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const places = Array.from({ length: 200 }, (_, i) => 450 * i);
  const wanted = places.map((at) => bytes.slice(at, at + 100));

  it("is fetched as a whole when many of its images are read one by one", async () => {
    await using server = await rangeServer({ "small.tar": bytes }, { withEtags: true });
    const reading = objectReading(plainSource, openSpool({ folder: temporaryFolder(), limit: 1e6 }));
    const uri = `${server.url}small.tar`;
    await using file = await reading.open(uri);
    for (const at of places.slice(0, 4)) expect(await file.read(at, 100)).toEqual(bytes.slice(at, at + 100));
    const before = server.requests.length;
    expect(await Promise.all(places.map((at) => file.read(at, 100)))).toEqual(wanted);
    expect(server.requests.slice(before)).toEqual(["GET /small.tar bytes=0-99999"]);
    await expect(file.read(99_950, 100)).rejects.toThrow("small.tar");
    // Another thread finds it.
    await using other = await reading.open(uri);
    expect(await Promise.all(places.map((at) => other.read(at, 100)))).toEqual(wanted);
    expect(server.requests.slice(before).filter((request) => request.startsWith("GET"))).toHaveLength(1);
  });

  it("is read by ranges where it cannot be fetched", async () => {
    await using server = await rangeServer({ "small.tar": bytes }, { withEtags: true });
    const source: ObjectSource = {
      ...plainSource,
      send: (uri, request, signal) =>
        request.headers?.["range"] === "bytes=0-99999"
          ? Promise.resolve(new Response("", { status: 403 }))
          : plainSource.send(uri, request, signal),
    };
    for (const limit of [1e6, 1000]) {
      const reading = objectReading(source, openSpool({ folder: temporaryFolder(), limit }));
      await using file = await reading.open(`${server.url}small.tar`);
      expect(await Promise.all(places.map((at) => file.read(at, 100)))).toEqual(wanted);
    }
  });
});

describe("a spool", () => {
  it("keeps to its limit while objects become complete, and says so to those that find no room", async () => {
    const size = 10_000;
    const others = 2000;
    const names = Array.from({ length: 45 }, (_, i) => `${i}.bin`);
    await using server = await rangeServer(
      Object.fromEntries(names.map((name, i) => [name, new Uint8Array(size).fill(i)])),
    );
    let asked = 0;
    const source: ObjectSource = {
      ...plainSource,
      async send(...request) {
        // Others begin meanwhile.
        await delay(500 + (asked++ % 7) * 31);
        return plainSource.send(...request);
      },
    };
    const folder = temporaryFolder();
    // So many that listing them takes as long as objects take to come.
    // Marked as read later than now, or a slow machine would count them as left behind.
    const later = Date.now() / 1000 + 3600;
    for (let i = 0; i < others; i++) {
      const other = join(folder, `other-${i}`);
      writeFileSync(other, "");
      utimesSync(other, later, later);
    }
    const spool = openSpool({ folder, limit: 15 * size });
    const facts = { size, version: "", modified: 0 };
    const fetched = await Promise.allSettled(
      names.map((name) => spool.fetchAhead(source, `${server.url}${name}`, facts)),
    );
    const standing = (await readdir(folder)).length - others;
    expect(standing).toBeGreaterThan(0);
    expect(standing).toBeLessThanOrEqual(15);
    const refused = fetched.flatMap((each) =>
      each.status === "rejected" ? [(each.reason as { code: string }).code] : [],
    );
    expect(new Set(refused)).toEqual(new Set(["data/disk-full"]));
  });
});
