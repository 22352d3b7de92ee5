import { COLOURS } from './charts/frame.ts';

const DARK = ['#4aa8e0', '#f0854a', '#2fc6a0', '#e29cc4', '#e5c84b', '#9bd4f5', '#b4babf', '#b79af0'];

/** The colours of series in a style sheet: shapes are filled, lines drawn. */
function series(colours: readonly string[]): string {
  return colours.map((colour, i) => `.series-${i}{fill:${colour}}.line.series-${i}{fill:none;stroke:${colour}}`).join('');
}

/** The style of the HTML report. What a mail program drops of it is missing from the looks alone: the bars of the tables carry their own. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f6f3;--surface:#fff;--text:#1b2126;--muted:#5a636b;--line:#e0e2de;--good:#146c43;--bad:#a8201a;--warn:#84500a}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1000px;padding:0 20px 48px;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:24px;margin:24px 0 4px}h2{font-size:20px;margin:36px 0 6px}h3{font-size:15px;margin:0 0 2px}
p{margin:0 0 8px}.note{color:var(--muted);font-size:13px}
.panel{margin:14px 0;padding:16px 18px;border:1px solid var(--line);border-radius:12px;background:var(--surface)}
.apart .panel{border-style:dashed}
svg{display:block;width:100%;height:auto;max-width:900px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13px;overflow-wrap:break-word}
td{min-width:3em}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400}
thead th{color:var(--muted)}tbody th{font-weight:600}
.figure{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.invalid{color:var(--muted)}
summary{cursor:pointer;color:var(--muted);font-size:13px;padding:6px 0}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--text);outline-offset:2px}
pre{margin:4px 0 10px;padding:10px 12px;border-radius:8px;background:var(--bg);white-space:pre-wrap;font-size:13px}
dl{margin:0}dt{font-weight:600}dd{margin:0 0 6px}
${series(COLOURS)}
@media (prefers-color-scheme:dark){
:root{--bg:#101417;--surface:#181d21;--text:#e7eaec;--muted:#9ca7af;--line:#2a3238;--good:#6fd3a0;--bad:#ff9b93;--warn:#f0bd6b}
.ground{fill:#181d21}.rule{stroke:#2a3238}text.text{fill:#e7eaec}text.muted{fill:#9ca7af}.halo{stroke:#181d21}.mark{stroke:#e7eaec}
.verdict-faster{fill:#6fd3a0}.verdict-slower{fill:#ff9b93}.verdict-same{fill:#e7eaec}.verdict-unknown,.verdict-same-code{fill:#9ca7af}
${series(DARK)}
}
@media print{body{max-width:none;background:#fff}.panel{break-inside:avoid}}
`;
