import { Command, CommanderError } from "commander";
import { version } from "../core/index.ts";
import { defineCommand, type LoadedCommand, type Outcome } from "./options/command.ts";
import { reportFailure } from "./output/report-failure.ts";
import { Interrupted, processTerminal, stopSignals } from "./output/terminal.ts";

const exitCodes: { readonly [O in Outcome]: number } = { ok: 0, failed: 1 };

/**
 * Runs one command line and resolves to its exit code: 0 everything worked, 1 something failed, 2 the command
 * line was wrong, 75 another process was lost that took part, 130 interrupted, 143 told to end, 129 its terminal was closed.
 */
export async function runProgram(line: readonly string[]): Promise<number> {
  const controller = new AbortController();
  const terminal = processTerminal(controller);
  // Once: a second Ctrl-C ends the process at once, as if nothing listened.
  for (const name of stopSignals) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }

  let outcome: Outcome = "ok";
  const program = describeProgram();
  const asked = line.find(
    (word, index) => !word.startsWith("-") && word !== "help" && line[index - 1] !== "--spool",
  );
  try {
    for (const entry of commandTable) {
      const command = program.command(entry.name).summary(entry.summary).description(sentence(entry.summary));
      if (entry.name !== asked) continue;
      const loaded = await entry.load();
      loaded.attach(command, terminal, (value) => {
        outcome = value;
      });
    }
    await program.parseAsync(line, { from: "user" });
    return exitCodes[outcome];
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportFailure(error, terminal);
  } finally {
    terminal.clearStatus();
  }
}

function describeProgram(): Command {
  const program = new Command("ssl-resnext")
    .description(
      "Classify, embed, validate and train with the SSL ResNeXt models, from their original weights.",
    )
    .version(version, "-v, --version", "print the version")
    .option("--spool <bytes>", "disk for objects of a store, in any command (default: 20GB)")
    .hook("preAction", async (root) => {
      const { spool } = root.opts<{ readonly spool?: string }>();
      if (spool !== undefined) (await import("../node/objects/spool.ts")).boundSpool(spool);
    })
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("(add --help for the options)")
    .exitOverride()
    .addHelpText(
      "after",
      [
        "",
        "Examples:",
        "  ssl-resnext classify dog.jpg",
        "  ssl-resnext classify dog.jpg --model ssl_resnext50_32x4d",
        "  ssl-resnext validate imagenet/val --model ssl_resnext101_32x8d",
        "  ssl-resnext classify --help",
      ].join("\n"),
    );
  return program;
}

const sentence = (summary: string): string => `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;

/** A command as the list of commands shows it; its code is loaded when it is asked for. */
interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<LoadedCommand>;
}

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: "models",
    summary: "list the models with trained weights",
    load: async () => {
      const { modelsCommand, models } = await import("./models.ts");
      return defineCommand(modelsCommand, () => Promise.resolve(models));
    },
  },
  {
    name: "info",
    summary: "show a model's card and layers, or what a weights file holds",
    load: async () =>
      defineCommand(
        (await import("./info/options.ts")).infoCommand,
        async () => (await import("./info/run.ts")).info,
      ),
  },
  {
    name: "classify",
    summary: "say what images show",
    load: async () =>
      defineCommand(
        (await import("./classify/options.ts")).classifyCommand,
        async () => (await import("./classify/run.ts")).classify,
      ),
  },
  {
    name: "embed",
    summary: "turn images into feature vectors or feature maps",
    load: async () =>
      defineCommand(
        (await import("./embed/options.ts")).embedCommand,
        async () => (await import("./embed/run.ts")).embed,
      ),
  },
  {
    name: "validate",
    summary: "measure a model's accuracy over labelled images",
    load: async () =>
      defineCommand(
        (await import("./validate/options.ts")).validateCommand,
        async () => (await import("./validate/run.ts")).validate,
      ),
  },
  {
    name: "check",
    summary: "look for wrong, doubled and leaking photos before a run",
    load: async () =>
      defineCommand(
        (await import("./check/options.ts")).checkCommand,
        async () => (await import("./check/run.ts")).check,
      ),
  },
  {
    name: "train",
    summary: "train or fine-tune a model on your own labelled images",
    load: async () =>
      defineCommand(
        (await import("./train/options.ts")).trainCommand,
        async () => (await import("./train/run.ts")).train,
      ),
  },
  {
    name: "adapt",
    summary: "go on training a network on images without labels",
    load: async () => {
      const { adaptCommand, adapt } = await import("./train/adapt.ts");
      return defineCommand(adaptCommand, () => Promise.resolve(adapt));
    },
  },
  {
    name: "semi",
    summary: "train a student on labelled and unlabelled images",
    load: async () =>
      (await import("./semi/options.ts")).semiCommands(async () => (await import("./semi/run.ts")).semi),
  },
  {
    name: "worker",
    summary: "score shards of a queue, beside other machines",
    load: async () =>
      defineCommand(
        (await import("./worker/options.ts")).workerCommand,
        async () => (await import("./worker/run.ts")).worker,
      ),
  },
  {
    name: "suggest",
    summary: "find the unlabelled images whose labels would help most",
    load: async () =>
      defineCommand(
        (await import("./suggest/options.ts")).suggestCommand,
        async () => (await import("./suggest/run.ts")).suggest,
      ),
  },
  {
    name: "export",
    summary: "write a model as ONNX, safetensors or a Hugging Face folder",
    load: async () =>
      defineCommand(
        (await import("./export/options.ts")).exportCommand,
        async () => (await import("./export/run.ts")).exportModel,
      ),
  },
  {
    name: "average",
    summary: "average checkpoints of one model",
    load: async () => {
      const { averageCommand, average } = await import("./average.ts");
      return defineCommand(averageCommand, () => Promise.resolve(average));
    },
  },
  {
    name: "benchmark",
    summary: "measure the images a second of a model",
    load: async () =>
      defineCommand(
        (await import("./benchmark/options.ts")).benchmarkCommand,
        async () => (await import("./benchmark/run.ts")).benchmark,
      ),
  },
];
