import { exampleLines, type CommandDefinition, type LoadedCommand } from "../../command.ts";
import { semiCommand } from "./semi-command.ts";

const out = "-o run";

/** The commands of `semi`, in the order of the stages. */
const table: readonly (readonly [name: string, summary: string, command: LoadedCommand])[] = [
  [
    "run",
    "do all stages that are not done yet",
    semiCommand({}, [
      [
        `semi run --labelled photos --unlabelled 'more/{000..099}.tar' --teacher ssl_resnext50_32x4d ${out}`,
        "from photos to a better model and a report",
      ],
      ["semi run semi.yaml -o run", "the settings from a file"],
      ["semi run -o run -k 500", "another K: selects and trains the student anew, keeps teacher and scores"],
      ["semi run semi.yaml -o runs --seeds 3", "three runs, and the spread between them"],
    ]),
  ],
  [
    "sweep",
    "do the same with other settings too, and draw the curves",
    semiCommand({ withVariants: true }, [
      ["semi sweep -o run --sweep '{k: [250, 500, 1000]}'", "which K is best"],
      ["semi sweep study.yaml -o study --seeds 3", "the sweep and the variants of a file, three seeds each"],
    ]),
  ],
  [
    "teach",
    "train the teacher on the labelled images",
    semiCommand({ only: ["weak", "teach"] }, [
      [`semi teach --labelled photos --teacher ssl_resnext50_32x4d ${out}`, "the first stage alone"],
    ]),
  ],
  [
    "score",
    "score the unlabelled images with the teacher",
    semiCommand({ only: ["score"] }, [
      [
        `semi score --labelled photos --unlabelled more --teacher my.pth --teach false ${out}`,
        "with a teacher that is trained already",
      ],
    ]),
  ],
  [
    "select",
    "select the best scored images of each class",
    semiCommand({ only: ["select"] }, [
      [`semi select -k 1000 ${out}`, "the settings of the run in the folder, and K"],
    ]),
  ],
  [
    "pretrain",
    "train the student on the selected images",
    semiCommand({ only: ["pretrain"] }, [
      [`semi pretrain --pretrain-recipe '{base: quick, epochs: 30}' ${out}`, "with another recipe"],
    ]),
  ],
  [
    "finetune",
    "fine-tune the student on the labelled images",
    semiCommand({ only: ["finetune"] }, [
      [`semi finetune --finetune-recipe card-finetune ${out}`, "by the card's recipe"],
    ]),
  ],
  [
    "supervised",
    "train the student on the labelled images alone, for comparison",
    semiCommand({ only: ["supervised"] }, [[`semi supervised ${out}`, "as many images as the student saw"]]),
  ],
  [
    "report",
    "measure the models and write the report",
    semiCommand({ only: ["measure"] }, [[`semi report ${out}`, "what stands, measured and shown"]]),
  ],
];

const examples: CommandDefinition<unknown>["examples"] = [
  [
    "semi run --labelled photos --unlabelled more --teacher ssl_resnext50_32x4d -o run",
    "from photos to a better model and a report",
  ],
  ["semi select -k 1000 -o run", "one stage alone, with the other settings of the run in the folder"],
  ["semi run --help", "all settings"],
];

/** `semi`: the semi-supervised pipeline of Yalniz et al. (2019), stage by stage or as a whole. */
export const semiCommands: LoadedCommand = {
  attach(command, terminal, finish) {
    command.addHelpText("after", exampleLines(command, examples).join("\n"));
    for (const [name, summary, loaded] of table) {
      const described = `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
      loaded.attach(command.command(name).summary(summary).description(described), terminal, finish);
    }
  },
};
