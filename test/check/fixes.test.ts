import { describe, expect, it } from "vitest";
import { fixesText, readFixes } from "../../src/check/fixes.ts";

const header = "set,image,label,action,to\n";
describe("the list of fixes", () => {
  it("is read as it was written, whatever stands in names", async () => {
    const image = 'a, "b"\nc.jpg';
    const text = fixesText([
      { kind: "label", set: "labelled", image, label: "x", found: "y, z", action: "relabel", to: "y" },
      { kind: "copy", set: "test", image: "d.jpg", found: "the same file", action: "remove", score: 1 },
      { kind: "outlier", set: "labelled", image: "e.jpg", found: "far", action: "keep" },
    ]);
    expect([...(await readFixes(text, "fixes.csv")).values()]).toEqual([
      { set: "labelled", image, action: "relabel", to: "y", line: 2 },
      { set: "test", image: "d.jpg", action: "remove", to: "", line: 4 },
    ]);
  });

  it("may have other columns, another order, semicolons, and what Excel adds", async () => {
    const text = "\uFEFFimage;set;note;Action;to\r\na.jpg;labelled;x;Remove;\r\n\r\n";
    expect([...(await readFixes(text, "fixes.csv")).values()]).toEqual([
      { set: "labelled", image: "a.jpg", action: "remove", to: "", line: 2 },
    ]);
  });

  it("of several rows for an image takes the gravest action", async () => {
    const text = `${header}labelled,a.jpg,x,relabel,y\nlabelled,a.jpg,x,remove,\nlabelled,a.jpg,x,keep,\n`;
    const fixes = await readFixes(text, "fixes.csv");
    expect([...fixes.values()].map(({ action }) => action)).toEqual(["remove"]);
  });

  it.each([
    ["", "set and image and action are missing"],
    ["image,action\na.jpg,remove\n", "set is missing"],
    [`${header}labelled,a.jpg,x,delete,\n`, 'line 2: action "delete": expected keep, remove, relabel, move.'],
    [`${header}labelled,a.jpg,x,keep,\ntraining,b.jpg,x,remove,\n`, 'line 3: set "training": expected test'],
    [`${header}labelled,,x,remove,\n`, "line 2: names no image"],
    [`${header}labelled,a.jpg,x,relabel,\n`, "line 2: relabel needs the right class"],
    [`${header}unlabelled,a.jpg,,relabel,y\n`, "line 2: relabel: the image is unlabelled"],
    [`${header}labelled,a.jpg,x,move,test\n`, 'line 2: move to "test"'],
    [
      `${header}labelled,a.jpg,x,relabel,y\nlabelled,a.jpg,x,relabel,z\n`,
      "line 3: a.jpg is relabelled to z, and to y in line 2",
    ],
  ])("says what is wrong, and where: %j", async (text, message) => {
    await expect(readFixes(text, "fixes.csv")).rejects.toMatchObject({
      code: "check/fixes",
      message: expect.stringContaining(message) as string,
    });
  });
});
