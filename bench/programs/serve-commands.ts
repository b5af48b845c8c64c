import { createInterface } from "node:readline";

type Command = (parameters: never) => unknown;

/** Answers each line {"command": name, …} of standard input with {"result": …} or {"error": stack}. */
export async function serveCommands(commands: Readonly<Record<string, Command>>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...parameters } = JSON.parse(line) as { readonly command: string };
    let reply: object;
    try {
      reply = { result: (await commands[command]!(parameters as never)) ?? null };
    } catch (error) {
      reply = { error: error instanceof Error ? error.stack : String(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}
