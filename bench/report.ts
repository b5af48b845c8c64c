import type { Machine } from "./measure/machine.ts";

/** What a benchmark found: a table, what it was to show, and what to know when reading it. */
export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly targets: readonly Target[];
  readonly notes: readonly string[];
  /** What `scripts/study-page.mjs` draws of `--json`, beside the table. */
  readonly charts?: readonly ReportChart[];
  /** All figures, unrounded. */
  readonly data: unknown;
}

/** Curves over a common axis, up to four. */
export interface ReportChart {
  readonly title: string;
  /** What the axis counts, such as "images labelled". */
  readonly x: string;
  readonly curves: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: number; readonly y: number; readonly spread?: number }[];
  }[];
}

/** A figure that the project promises. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

/** Markdown for docs/benchmarks.md. */
export function printReport(report: Report, machine: Machine): string {
  const software = Object.entries(machine.software).map(([name, version]) => `${name} ${version}`);
  return [
    `## ${report.title}`,
    `${machine.cpu}, ${machine.cores} cores (${machine.simd.join(", ")}), ${machine.memoryGB} GB; ` +
      `${software.join(", ")}; ${machine.date}; load before ${machine.loadBefore.toFixed(1)}.`,
    table(report.columns, report.rows),
    ...(report.targets.length === 0
      ? []
      : [
          table(
            ["target", "wanted", "measured", "met"],
            report.targets.map(({ what, wanted, measured, met }) => [
              what,
              wanted,
              measured,
              met ? "yes" : "no",
            ]),
          ),
        ]),
    report.notes.map((note) => `- ${note}`).join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [columns, columns.map((_, index) => (index === 0 ? "---" : "--:")), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
