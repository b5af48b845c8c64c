import { Command, CommanderError } from "commander";
import { packageVersion } from "../node/package-version.ts";
import type { Outcome } from "./command.ts";
import { commandTable } from "./command-table.ts";
import { failureExit } from "./failure-exit.ts";
import { Interrupted, processTerminal } from "./terminal.ts";

const exitCodes: { readonly [O in Outcome]: number } = { ok: 0, failed: 1 };

/**
 * Runs one command line and resolves to its exit code: 0 everything worked, 1 something failed, 2 the command
 * line was wrong, 130 interrupted, 143 told to end.
 */
export async function runProgram(line: readonly string[]): Promise<number> {
  const controller = new AbortController();
  const terminal = processTerminal(controller);
  // Once: a second Ctrl-C ends the process at once, as if nothing listened.
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }

  let outcome: Outcome = "ok";
  const program = describeProgram();
  const asked = line.find((word) => !word.startsWith("-") && word !== "help");
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
    return failureExit(error, terminal);
  } finally {
    terminal.clearStatus();
  }
}

function describeProgram(): Command {
  const program = new Command("ssl-resnext")
    .description(
      "Classify, embed, validate and train with the SSL ResNeXt models, from their original weights.",
    )
    .version(packageVersion(), "-v, --version", "print the version")
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
