import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, it } from "vitest";
import { fileStorage } from "../../src/node/files/file-storage.ts";
import { readTable } from "../../src/semi/parquet-table.ts";
import { openScoreWriter, readScoreFacts } from "../../src/node/semi.ts";
import { scoreColumns, type ScoreRow } from "../../src/semi/tables.ts";
import { collect } from "../data/collect.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { facts, writeReferences, writeScores } from "./score-files.ts";

const folder = temporaryFolder();

const rows: readonly ScoreRow[] = [
  { image_id: "a/é.jpg", position: 0, class: 2, score: 0.75, rank: 1, phash: -(2n ** 63n) },
  { image_id: "a/é.jpg", position: 0, class: 0, score: 0.25, rank: 2, phash: -(2n ** 63n) },
  { image_id: "b.jpg", position: 3, class: 1, score: NaN, rank: 1, phash: 2n ** 63n - 1n },
  { image_id: "b.jpg", position: 3, class: 0, score: Infinity, rank: 2, phash: 2n ** 63n - 1n },
];

async function query(sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    return await (await connection.run(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe("a score file", () => {
  it("reads the same in DuckDB", async () => {
    const path = await writeScores(join(folder, "00000.parquet"), rows);
    expect(await query(`FROM '${path}'`)).toEqual(rows);
    expect(
      await query(`SELECT name, type FROM parquet_schema('${path}') WHERE num_children IS NULL`),
    ).toEqual([
      { name: "image_id", type: "BYTE_ARRAY" },
      { name: "position", type: "INT32" },
      { name: "class", type: "INT32" },
      { name: "score", type: "FLOAT" },
      { name: "rank", type: "INT32" },
      { name: "phash", type: "INT64" },
    ]);
  });

  it("keeps the letters of a name, a byte order mark among them", async () => {
    const named = [{ ...rows[0]!, image_id: "\ufeffa/\u{1f600}.jpg" }];
    const path = await writeScores(join(folder, "named.parquet"), named);
    expect(await collect(readTable(fileStorage, path, scoreColumns))).toEqual(named);
  });

  it("says what it is", async () => {
    const path = await writeScores(join(folder, "facts.parquet"), rows);
    expect(await readScoreFacts(path)).toEqual(facts);
  });

  it("may have no rows, or several row groups", async () => {
    const empty = await writeScores(join(folder, "empty.parquet"), []);
    expect(await query(`SELECT count(*)::INT AS n FROM '${empty}'`)).toEqual([{ n: 0 }]);
    const many = Array.from({ length: 250_000 }, (_, position) => ({ ...rows[0]!, position }));
    const path = await writeScores(join(folder, "many.parquet"), many);
    const counts = "count(*)::INT AS n, count(DISTINCT position)::INT AS positions, min(phash) AS low";
    expect(await query(`SELECT ${counts} FROM '${path}'`)).toEqual([
      { n: 250_000, positions: 250_000, low: -(2n ** 63n) },
    ]);
    const groups = `SELECT count(DISTINCT row_group_id)::INT AS n FROM parquet_metadata('${path}')`;
    expect(await query(groups)).toEqual([{ n: 3 }]);
  });

  it("leaves nothing when it is given up", async () => {
    const writer = await openScoreWriter(join(folder, "given-up.parquet"));
    await writer.write(rows);
    await writer.abort();
    expect((await readdir(folder)).filter((name) => name.startsWith("given-up"))).toEqual([]);
  });
});

describe("readScoreFacts refuses", () => {
  it("what is no Parquet file", async () => {
    const path = join(folder, "text.parquet");
    await writeFile(path, "class,score\n");
    await expect(readScoreFacts(path)).rejects.toMatchObject({ name: "DataError", code: "semi/table" });
    await expect(readScoreFacts(path)).rejects.toThrow(path);
  });

  it("a table of other columns", async () => {
    const path = await writeReferences(join(folder, "references.parquet"), []);
    await expect(readScoreFacts(path)).rejects.toMatchObject({ code: "semi/table" });
    await expect(readScoreFacts(path)).rejects.toThrow(
      "image_id, position, class, score, rank, phash, received the columns image_id BYTE_ARRAY, phash INT64, set BYTE_ARRAY",
    );
  });

  it("a score table without facts, or with other facts", async () => {
    const path = join(folder, "other.parquet");
    await query(
      `COPY (SELECT 'a' AS image_id, 0 AS position, 0 AS class, 0.5::FLOAT AS score, 1 AS rank, 0::BIGINT AS phash) TO '${path}'`,
    );
    await expect(readScoreFacts(path)).rejects.toThrow("received none");
    await writeScores(path, rows, { images: -1 });
    await expect(readScoreFacts(path)).rejects.toMatchObject({ code: "semi/scores" });
  });

  it("a file that is not there", async () => {
    await expect(readScoreFacts(join(folder, "absent.parquet"))).rejects.toMatchObject({
      code: "data/not-found",
    });
  });
});
