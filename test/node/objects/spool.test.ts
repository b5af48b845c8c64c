import { writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { DataError } from "../../../src/core/index.ts";
import type { ObjectSource } from "../../../src/node/objects/object-source.ts";
import { openSpool } from "../../../src/node/objects/spool.ts";
import { rangeServer } from "../../support/range-server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

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
      stallAfter: 15_000,
      async send(uri, { method = "GET", headers = {} }, signal) {
        // Others begin meanwhile.
        await delay(500 + (asked++ % 7) * 31);
        return fetch(uri, { method, headers, signal });
      },
      refusal: (uri, status) => new DataError("data/unreadable", `${uri}: ${status}`),
    };
    const folder = temporaryFolder();
    // So many that listing them takes as long as objects take to come.
    for (let i = 0; i < others; i++) writeFileSync(join(folder, `other-${i}`), "");
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
