import { markup, verbatim, type Content } from "./elements.ts";
import { fadeEdges, followPointer, paintMatrix, sortTables } from "./page-scripts.ts";

/** Nothing is loaded from anywhere, whatever stands in the page. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** Functions that run in the page: each is complete in itself, and goes into it as its source. */
const scripts = [fadeEdges, followPointer, paintMatrix, sortTables].map(
  (script) => `(${script.toString()})();`,
);

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

/** The look of the pages: light and dark, wide and narrow, on screen and on paper. */
const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f6f7f8; --ink: #191c20; --soft: #626a74; --line: #e1e4e8;
  --training: #2c6bc9; --validation: #d2691e; --second: #8a63c7; --third: #0f8577; --good: #2c6bc9; --bad: #cc3a34;
  --hit: 44 107 201; --miss: 204 58 52;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --raised: #1c2024; --ink: #e7eaee; --soft: #98a1ac; --line: #2e343a;
    --training: #6ea6f5; --validation: #f0a060; --second: #b99aec; --third: #4cc3b2; --good: #6ea6f5; --bad: #f0807b;
    --hit: 60 125 220; --miss: 214 70 64;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1, h2, h3, p, dl, dd, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -.02em; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 20px; letter-spacing: -.01em; font-weight: 650; margin: 56px 0 12px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; font-weight: 600; margin: 32px 0 8px; }
header p { margin-top: 8px; max-width: 70ch; overflow-wrap: anywhere; }
p { color: var(--soft); }
.notice { color: var(--bad); font-weight: 500; }
bdi { overflow-wrap: anywhere; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); margin-top: 28px; border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.tiles div { padding: 14px 16px 12px; box-shadow: 1px 1px 0 var(--line); }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { font-size: 25px; line-height: 1.3; font-weight: 600; letter-spacing: -.02em; }
.tiles small { display: block; font-size: 12px; font-weight: 400; letter-spacing: 0; color: var(--soft); }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 36px 40px; margin-top: 20px; }
.chart { min-width: 0; break-inside: avoid; }
.chart figcaption { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; }
.chart h3 { margin: 0; }
.chart .at { color: var(--soft); font-size: 12px; text-align: right; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 18px; font-size: 13px; color: var(--soft); min-height: 21px; }
.legend li::before { content: ""; display: inline-block; width: 20px; margin-right: 6px; vertical-align: middle; border-top: 3px solid; }
.legend b { color: var(--ink); font-weight: 600; }
.legend .training::before, .legend .fine::before { border-color: var(--training); }
.legend .fine::before { opacity: .4; }
.legend .validation::before { border-color: var(--validation); border-style: dashed; }
.legend .second::before { border-color: var(--second); border-style: dotted; }
.legend .third::before { border: 0; height: 3px; background: linear-gradient(90deg, var(--third) 55%, transparent 0 75%, var(--third) 0 90%, transparent 0); }
.legend .reference::before { border-width: 1px; }
.plot { position: relative; height: 220px; margin: 16px 12px 26px 52px; cursor: crosshair; touch-action: pan-y; outline-offset: 4px; }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; stroke-width: 2px; }
.plot .grid { stroke: var(--line); stroke-width: 1px; }
.plot .training { stroke: var(--training); }
.plot .fine { stroke: var(--training); stroke-width: 1px; opacity: .4; }
.plot .validation { stroke: var(--validation); stroke-dasharray: 9 6; }
.plot .second { stroke: var(--second); stroke-dasharray: 0 5; stroke-width: 3px; }
.plot .third { stroke: var(--third); stroke-dasharray: 14 5 1 5; }
.plot .reference { stroke: var(--soft); stroke-width: 1px; }
.plot path[d$="h0"] { stroke-width: 8px; stroke-dasharray: none; }
.plot .spread { stroke-width: 2px; stroke-dasharray: none; }
.plot span { position: absolute; font-size: 12px; line-height: 1; color: var(--soft); white-space: nowrap; }
.plot .y { right: 100%; margin-right: 10px; transform: translateY(50%); }
.plot .x { top: 100%; margin-top: 9px; transform: translateX(-50%); }
.cross { position: absolute; top: 0; bottom: 0; width: 0; border-left: 1px solid var(--soft); pointer-events: none; }
.axis { font-size: 13px; margin-top: 8px; }

.scroll { overflow: auto; margin-top: 12px; max-width: 100%; mask-image: linear-gradient(to right, transparent, #000 var(--before, 0px), #000 calc(100% - var(--beyond, 0px)), transparent); }
.tall { max-height: 430px; border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; }
.list { width: 100%; font-size: 14px; }
.list th, .list td { padding: 5px 14px; text-align: left; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.list tr:last-child td { border-bottom: 0; }
.list thead th { position: sticky; top: 0; z-index: 1; background: var(--raised); font-weight: 500; color: var(--soft); white-space: nowrap; }
.list .number { text-align: right; white-space: nowrap; }
.list button { all: unset; cursor: pointer; }
.list button:focus-visible { outline: 2px solid var(--training); outline-offset: 2px; border-radius: 2px; }
.list [aria-sort] { color: var(--ink); }
.list [aria-sort=ascending] button::before { content: "↑ "; }
.list [aria-sort=descending] button::before { content: "↓ "; }
.list .bar { background: linear-gradient(to right, rgb(var(--hit) / .17) var(--share), transparent 0) no-repeat 0 50% / calc(100% - 14px) 70%; }
.list .chosen td { font-weight: 600; }

.heat { font-size: 12px; line-height: 1.15; border-spacing: 2px; border-collapse: separate; }
.heat thead th { vertical-align: bottom; font-weight: 500; color: var(--soft); padding: 0 0 4px; }
.heat thead span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); max-height: 160px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; }
.heat tbody th { position: sticky; left: 0; z-index: 1; background: var(--ground); text-align: right; font-weight: 500; color: var(--soft); padding: 0 8px 0 0; max-width: 190px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.heat tbody td { --side: clamp(24px, calc((min(100vw, 760px) - 130px) / var(--classes) - 2px), 56px); width: var(--side); min-width: var(--side); height: var(--side); text-align: center; border-radius: 4px; background: var(--raised); }
.heat .hit { background: rgb(var(--hit) / calc(.75 * var(--share))); }
.heat .miss { background: rgb(var(--miss) / calc(.75 * var(--share))); }
.heat .strong { font-weight: 600; }
.pairs { display: flex; flex-wrap: wrap; gap: 20px 40px; align-items: flex-start; }
.pairs > * { min-width: 0; max-width: 100%; }
.pairs > :last-child { flex: 1 1 340px; }
.pairs h3 { margin-top: 12px; }
.matrix canvas { display: block; width: max(640px, var(--classes) * 1px); max-width: 100%; aspect-ratio: 1; margin-top: 12px; image-rendering: pixelated; border: 1px solid var(--line); border-radius: 4px; cursor: crosshair; touch-action: none; }
.pair { margin-top: 8px; min-height: 1.5em; overflow-wrap: anywhere; }

.gallery { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 20px 16px; margin-top: 14px; }
.gallery li { min-width: 0; break-inside: avoid; font-size: 13px; line-height: 1.35; }
.gallery img, .missing { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 8px; background: var(--raised); margin-bottom: 6px; }
.missing { display: grid; place-items: center; color: var(--soft); }
.gallery b, .gallery .right, .list td > span, .list th > span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; overflow-wrap: anywhere; }
.gallery .wrong { color: var(--bad); font-weight: 600; }
.gallery .wrong span { font-weight: 400; white-space: nowrap; }
.gallery small { display: block; color: var(--soft); font-size: 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; direction: rtl; text-align: left; }

.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 0 48px; align-items: start; }
.columns h3 { margin-top: 16px; }
.newspaper { columns: 2 400px; column-gap: 48px; margin-top: 32px; }
.newspaper h3 { column-span: all; margin-top: 0; }
.newspaper tr { break-inside: avoid; }
.facts { width: 100%; font-size: 14px; table-layout: fixed; }
.facts th, .facts td { padding: 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.facts th { width: 40%; padding-right: 16px; font-weight: 400; color: var(--soft); }

@media (max-width: 560px) {
  main { padding: 24px 16px 48px; }
  h1 { font-size: 25px; }
  h2 { margin-top: 40px; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .plot { height: 190px; margin-right: 10px; }
  .gallery { grid-template-columns: repeat(auto-fill, minmax(98px, 1fr)); gap: 16px 12px; }
  .list th, .list td { padding: 5px 8px; }
  .heat tbody th { max-width: 110px; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2 { margin-top: 28px; break-after: avoid; }
  h3 { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; gap: 20px 24px; }
  .plot { height: 150px; }
  .scroll { mask-image: none; }
  .tall { max-height: none; overflow: visible; border: 0; }
  .list thead th { position: static; }
  .list, .facts { font-size: 10px; }
  .list th, .list td, .facts th, .facts td { padding: 2px 10px 2px 0; }
  .columns { grid-template-columns: 1fr 1fr; }
  .heat tbody td { --side: 24px; }
  .list tr, .heat tr { break-inside: avoid; }
  .gallery { grid-template-columns: repeat(6, 1fr); }
}
`;
