import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one plain line of totals, for machines that read the log. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const totals = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) totals[test.result().state]++;
      if (!module.ok() && module.errors().length > 0) totals.failed++;
    }
    process.stdout.write(
      `\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped + totals.pending} skipped\n`,
    );
  }
}
