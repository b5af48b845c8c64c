import { followPointer } from "./browser/follow-pointer.ts";
import { paintMatrix } from "./browser/paint-matrix.ts";
import { sortTables } from "./browser/sort-tables.ts";
import { markup, verbatim, type Content } from "./markup.ts";
import { pageStyle } from "./page-style.ts";

/** Nothing is loaded from anywhere, whatever stands in the page. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** Functions that run in the page: each is complete in itself, and goes into it as its source. */
const scripts = [followPointer, paintMatrix, sortTables].map((script) => `(${script.toString()})();`);

/** A complete document with our style and scripts in it; `style` follows the style of all pages. */
export function page(title: string, content: Content, style = ""): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${verbatim(pageStyle + style)}</style>
</head>
<body>
<main>
${content}
</main>
<script>${verbatim(scripts.join("\n"))}</script>
</body>
</html>
`.html;
}
