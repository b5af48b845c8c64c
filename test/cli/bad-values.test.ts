import { describe, expect, it } from "vitest";
import { averageCommand } from "../../src/cli/average.ts";
import { benchmarkCommand } from "../../src/cli/benchmark/options.ts";
import { checkCommand } from "../../src/cli/check/options.ts";
import { classifyCommand } from "../../src/cli/classify/options.ts";
import { embedCommand } from "../../src/cli/embed/options.ts";
import { exportCommand } from "../../src/cli/export/options.ts";
import { infoCommand } from "../../src/cli/info/options.ts";
import { modelsCommand } from "../../src/cli/models.ts";
import { parseOptions, type OptionTable } from "../../src/cli/options/command.ts";
import { commandTable } from "../../src/cli/program.ts";
import { semiCommandOptions } from "../../src/cli/semi/options.ts";
import { suggestCommand } from "../../src/cli/suggest/options.ts";
import { adaptCommand } from "../../src/cli/train/adapt.ts";
import { trainCommand } from "../../src/cli/train/options.ts";
import { validateCommand } from "../../src/cli/validate/options.ts";
import { workerCommand } from "../../src/cli/worker/options.ts";
import { UsageError } from "../../src/core/index.ts";
import { checkLoaderOptions } from "../../src/data/loader/training-loader.ts";
import { imagenetPreprocessing, parsePreprocessing } from "../../src/image/index.ts";
import { resolveSettings, semiKeys } from "../../src/semi/index.ts";
import { recipeKeys, resolveRecipe } from "../../src/train/index.ts";

const tables: Readonly<Record<string, OptionTable>> = {
  models: modelsCommand.options,
  info: infoCommand.options,
  check: checkCommand.options,
  suggest: suggestCommand.options,
  classify: classifyCommand.options,
  embed: embedCommand.options,
  validate: validateCommand.options,
  train: trainCommand.options,
  adapt: adaptCommand.options,
  semi: semiCommandOptions,
  worker: workerCommand.options,
  export: exportCommand.options,
  average: averageCommand.options,
  benchmark: benchmarkCommand.options,
};

const schemaWords = /Too (small|big)|Invalid|Unrecognized|received|undefined|[<>]=|✖|→|\[object/;

/** What a refusal says; undefined where the value is taken. */
function refusal(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
}

describe("values that an option does not accept", () => {
  it("are tried for every command", () => {
    expect(Object.keys(tables)).toEqual(expect.arrayContaining(commandTable.map(({ name }) => name)));
  });

  const texts = [
    "0",
    "-1",
    "1.5",
    "1e12",
    "nope",
    "",
    "null",
    "[]",
    "[x, y]",
    "{}",
    "{a: b}",
    "true",
    "1,2,3,4,5,6",
  ];

  it.each(Object.keys(tables))("of %s are refused in a sentence", (name) => {
    const table = tables[name]!;
    let refused = 0;
    for (const [key, option] of Object.entries(table)) {
      if (!/[<[]/.test(option.flags)) continue;
      const flag = /--[a-z0-9-]+/.exec(option.flags)![0];
      const attribute = flag.slice(2).replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      for (const text of texts) {
        const message = refusal(() => parseOptions({ [attribute]: text }, { [key]: option }));
        if (message === undefined) continue;
        refused++;
        expect(message).toMatch(
          new RegExp(
            `^${flag}: [a-z].{8,}; got ${JSON.stringify(text).replaceAll(/[[\]{}.]/g, String.raw`\$&`)}\\.$`,
          ),
        );
        expect(message).not.toMatch(schemaWords);
      }
    }
    if (name !== "models" && name !== "info") expect(refused).toBeGreaterThan(0);
  });

  it.each(Object.keys(tables))("of %s: what is true or false does not swallow the next flag", (name) => {
    const isBoolean = ({ schema }: OptionTable[string]): boolean =>
      ["true", "false"].every((text) => schema.safeParse(text).data === (text === "true"));
    const demanding = Object.values(tables[name]!).filter(
      (option) => isBoolean(option) && option.flags.includes("<"),
    );
    expect(demanding.map(({ flags }) => flags)).toEqual([]);
    expect([semiCommandOptions.teach, semiCommandOptions.k].map(isBoolean)).toEqual([true, false]);
  });

  it("say what they expect", () => {
    const message = (key: keyof typeof trainCommand.options, text: string): string | undefined =>
      refusal(() => parseOptions({ [key]: text }, { [key]: trainCommand.options[key] }));
    expect(message("epochs", "0")).toBe('--epochs: expected at least 1; got "0".');
    expect(message("epochs", "two")).toBe('--epochs: expected a number; got "two".');
    expect(message("epochs", "1.5")).toBe('--epochs: expected a whole number; got "1.5".');
    expect(message("learningRate", "0")).toBe('--learning-rate: expected above 0; got "0".');
    expect(message("mode", "all")).toBe(
      '--mode: expected one of full, last-stages, head, adapt, auto; got "all".',
    );
    expect(message("nesterov", "maybe")).toBe('--nesterov: expected true or false; got "maybe".');
    expect(message("momentum", "1")).toBe('--momentum: expected below 1; got "1".');
  });

  const values = [0, -1, 1.5, 1e12, Number.NaN, "nope", "", [], ["x"], {}, { a: 1 }, true, null];

  it.each([...recipeKeys])("of the recipe, such as of %s, too", (key) => {
    for (const value of values) {
      const message = refusal(() =>
        resolveRecipe([{ name: "mine", values: { base: "quick", [key]: value } }], { idle: "kept" }),
      );
      expect(message ?? "").not.toMatch(schemaWords);
      if (message?.startsWith("mine: correct")) expect(message).toContain(`\n  ${key}`);
    }
  });

  it.each([...semiKeys])("of the settings, such as of %s, too", (key) => {
    for (const value of values) {
      const message = refusal(() => resolveSettings([{ name: "mine", values: { [key]: value } }]));
      expect(message ?? "").not.toMatch(schemaWords);
    }
  });

  it("of loader and preprocessing, too", () => {
    const loader = refusal(() => checkLoaderOptions({ batchSize: 0, seed: -1 } as never));
    expect(loader).toContain(
      "\n  batchSize: expected at least 1, got 0\n  seed: expected at least 0, got -1",
    );
    expect(() =>
      parsePreprocessing({ ...imagenetPreprocessing, inputSize: 0, interpolation: "best" }),
    ).toThrow(
      '\n  inputSize: expected at least 1, got 0\n  interpolation: expected one of bilinear, bicubic, got "best"',
    );
  });
});
