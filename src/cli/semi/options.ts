import type { StageKind } from "../../semi/plan/stage.ts";
import { semiFields, semiKeys, type SemiGroup, type SemiSettings } from "../../semi/settings/settings.ts";
import {
  defineCommand,
  exampleLines,
  type CliOption,
  type CommandDefinition,
  type LoadedCommand,
  type OptionTable,
  type OptionValues,
  type Outcome,
} from "../options/command.ts";
import { fieldOption, flagOf } from "../options/field-option.ts";
import { embeddingOptions, ranksOptions, trainingOptions } from "../options/model-options.ts";
import { partOption } from "../options/part.ts";
import { queueOptions } from "../options/queue.ts";
import { flag, text } from "../options/schemas.ts";
import type { Terminal } from "../output/terminal.ts";

/** Options for the settings, each of which may stay away. */
type SemiFlags = { readonly [K in keyof SemiSettings]: CliOption<SemiSettings[K] | undefined> };

const headings: { readonly [G in SemiGroup]: string } = {
  data: "Images (each setting wins over the file of settings):",
  method: "Method:",
  teacher: "Start, and teacher (recipes are names, .yaml files, or values: '{base: quick, epochs: 5}'):",
  selection: "Scoring and selection:",
  student: "Student:",
  study: "Seeds and variants:",
};

const short: { readonly [K in keyof SemiSettings]?: string } = { p: "-p", k: "-k" };

/** A flag for every setting of a semi-supervised run. */
const semiOptions = Object.fromEntries(semiKeys.map((key) => [key, optionOf(key)])) as SemiFlags;

function optionOf(key: keyof SemiSettings): CliOption<unknown> {
  const flags = short[key] ? `${short[key]}, ${flagOf(`top-${key}`)}` : flagOf(key);
  return fieldOption(flags, semiFields[key], headings);
}

/** Options of each command of `semi`. */
export const semiCommandOptions = {
  out: {
    flags: "-o, --out <folder>",
    about: "where everything goes, stage by stage (required)",
    schema: text,
  },
  json: { flags: "--json", about: "print one JSON object a line for each event", schema: flag },
  model: { flags: "-m, --model <model>", about: "the same as --teacher", schema: text.optional() },
  ...semiOptions,
  engine: {
    ...embeddingOptions.engine,
    about:
      "embedding, scoring and measuring: onnxruntime, openvino where it is installed, or auto, the faster one (default: onnxruntime, or what the run began with)",
  },
  precision: {
    ...embeddingOptions.precision,
    about: "of the same: fp32, or bf16 with --engine openvino (default: fp32, or what the run began with)",
  },
  ...trainingOptions,
} satisfies OptionTable;

/** Options of `semi score` alone. */
const scoreOptions = {
  part: {
    ...partOption.part,
    about:
      "score the i-th of n parts of the shards, beside other processes; i or both are taken from the variables of Kubernetes, Slurm and AWS Batch when left out",
    group: headings.selection,
  },
  ...queueOptions("shards", "score files", headings.selection),
} satisfies OptionTable;

export type SemiOptions = OptionValues<typeof semiCommandOptions> &
  Partial<OptionValues<typeof scoreOptions> & OptionValues<typeof ranksOptions>>;

/** What a command does: stages of these kinds, or all; for the settings as they are, or for their variants too. */
export interface WantedStages {
  readonly only?: readonly StageKind[];
  readonly withVariants?: boolean;
}

/** Runs the stages that a command wants, with the settings of a file and of the command line. */
export type RunStages = (
  wanted: WantedStages,
  file: string | undefined,
  options: SemiOptions,
  terminal: Terminal,
) => Promise<Outcome>;

/** One of the commands of `semi`: they take the same settings, and differ in the stages that they do. */
function semiCommand(
  wanted: WantedStages,
  stageExamples: CommandDefinition["examples"],
  load: () => Promise<RunStages>,
): LoadedCommand {
  const definition = {
    operands: {
      "[settings]": "a .yaml file of settings (default: those of the run in --out, if there is one)",
    },
    options: optionsOf(wanted),
    examples: stageExamples,
  } satisfies CommandDefinition;
  return defineCommand(definition, async () => {
    const run = await load();
    return (operands, given, terminal) => run(wanted, operands[0], given, terminal);
  });
}

/** Options of all commands, and those that this one has a use for. */
const optionsOf = (wanted: WantedStages): typeof semiCommandOptions => ({
  ...semiCommandOptions,
  ...(wanted.only?.includes("score") ? scoreOptions : {}),
  ...(trains(wanted) ? ranksOptions : {}),
});

const untrained: ReadonlySet<StageKind> = new Set(["score", "select", "measure", "choose"]);

/** Whether a command trains networks, which several processes can do together. */
export const trains = ({ only }: WantedStages): boolean => !only?.every((kind) => untrained.has(kind));

const out = "-o run";

/** The commands of `semi`, in the order of the stages. */
const table: readonly (readonly [
  name: string,
  summary: string,
  wanted: WantedStages,
  examples: CommandDefinition["examples"],
])[] = [
  [
    "run",
    "do all stages that are not done yet",
    {},
    [
      [
        `semi run --labelled photos --unlabelled others -m ssl_resnext50_32x4d ${out}`,
        "from photos to the best model that they allow: run/best.safetensors",
      ],
      [`semi run --labelled photos --unlabelled others -m my.pth --mode head ${out}`, "in a minute or so"],
      ["semi run semi.yaml -o run", "the settings from a file"],
      [
        `semi run --labelled photos --unlabelled 'more/{000..999}.tar' -m resnext50_32x4d --method paper ${out}`,
        "a very large collection: teacher, selection, student",
      ],
      ["semi run semi.yaml -o runs --seeds 3", "three runs, and the spread between them"],
    ],
  ],
  [
    "sweep",
    "do the same with other settings too, and draw the curves",
    { withVariants: true },
    [
      ["semi sweep -o run --sweep '{k: [250, 500, 1000]}'", "which K is best"],
      ["semi sweep study.yaml -o study --seeds 3", "the sweep and the variants of a file, three seeds each"],
    ],
  ],
  [
    "teach",
    "train the teacher on the labelled images",
    { only: ["weak", "teach"] },
    [[`semi teach --labelled photos --teacher ssl_resnext50_32x4d ${out}`, "the first stage alone"]],
  ],
  [
    "score",
    "score the unlabelled images with the teacher",
    { only: ["score"] },
    [
      [
        `semi score --labelled photos --unlabelled more --teacher my.pth --teach false ${out}`,
        "with a teacher that is trained already",
      ],
      [`semi score ${out} --part 3/8`, "the third eighth of the shards; seven other machines do the others"],
      [
        `semi score ${out} --queue redis://host:6379 --name first`,
        "by all machines that run ssl-resnext worker",
      ],
    ],
  ],
  [
    "select",
    "select the best scored images of each class",
    { only: ["select"] },
    [[`semi select -k 1000 ${out}`, "the settings of the run in the folder, and K"]],
  ],
  [
    "pretrain",
    "train the student on the selected images",
    { only: ["pretrain"] },
    [[`semi pretrain --pretrain-recipe '{base: quick, epochs: 30}' ${out}`, "with another recipe"]],
  ],
  [
    "finetune",
    "fine-tune the student on the labelled images",
    { only: ["finetune"] },
    [[`semi finetune --finetune-recipe card-finetune ${out}`, "by the card's recipe"]],
  ],
  [
    "supervised",
    "train the student on the labelled images alone, for comparison",
    { only: ["supervised"] },
    [[`semi supervised ${out}`, "as many images as the student saw"]],
  ],
  [
    "report",
    "measure the models and write the report",
    { only: ["measure", "choose"] },
    [[`semi report ${out}`, "what stands, measured and shown"]],
  ],
];

const examples: CommandDefinition["examples"] = [
  [
    "semi run --labelled photos --unlabelled others -m ssl_resnext50_32x4d -o run",
    "from photos to the best model that they allow: run/best.safetensors",
  ],
  ["semi select -k 1000 -o run", "one stage alone, with the other settings of the run in the folder"],
  ["semi run --help", "all settings"],
];

/** `semi`: from labelled and unlabelled images to a model; the stages of method `paper` (Yalniz et al. 2019) also one by one. */
export const semiCommands = (load: () => Promise<RunStages>): LoadedCommand => ({
  attach(command, terminal, finish) {
    command.addHelpText("after", exampleLines(command, examples).join("\n"));
    for (const [name, summary, wanted, stageExamples] of table) {
      const described = `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
      const loaded = semiCommand(wanted, stageExamples, load);
      loaded.attach(command.command(name).summary(summary).description(described), terminal, finish);
    }
  },
});
