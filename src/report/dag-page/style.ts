/**
 * How the DAG page looks. States differ in colour (Okabe and Ito, for colour-blind eyes), in their mark and in the
 * line.
 */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fbfbf9; --panel: #fff; --ink: #1d1d1b; --dim: #6b6b66; --line: #d6d5cf; --edge: #a9a8a1; --accent: #0072b2; --cached: #009e73; --missing: #8a8983; --stale: #e69f00; --blocked: #a3428f; --failed: #d55e00; }
@media (prefers-color-scheme: dark) { :root:not([data-scheme=light]) { --ground: #17181a; --panel: #1f2124; --ink: #eceae4; --dim: #9b9a94; --line: #3a3c40; --edge: #63656a; --accent: #56b4e9; --cached: #2fbf94; --missing: #9b9a94; --stale: #f0b429; --blocked: #d98ac6; --failed: #f07a3c; } }
:root[data-scheme=dark] { --ground: #17181a; --panel: #1f2124; --ink: #eceae4; --dim: #9b9a94; --line: #3a3c40; --edge: #63656a; --accent: #56b4e9; --cached: #2fbf94; --missing: #9b9a94; --stale: #f0b429; --blocked: #d98ac6; --failed: #f07a3c; }
* { box-sizing: border-box; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; background: var(--ground); color: var(--ink); }
#app { display: grid; grid-template: auto 1fr / 1fr minmax(0, auto); height: 100vh; }
header { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 6px 10px; align-items: center; padding: 8px 14px; font-size: 13px; background: var(--panel); border-bottom: 1px solid var(--line); }
h1 { font-size: 15px; margin: 0 4px 0 0; font-weight: 650; }
h1 small { color: var(--dim); font-weight: 400; margin-left: 6px; }
input, select, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: 4px 9px; }
button { cursor: pointer; } button:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
input[type=search] { width: 11em; }
.filters { display: flex; gap: 6px; } .filters button { display: flex; gap: 6px; align-items: center; } .filters button[aria-pressed=false] { opacity: .4; text-decoration: line-through; }
.mark { width: 10px; height: 10px; border-radius: 50%; display: inline-block; }
.mark.missing { background: transparent !important; border: 2px solid var(--missing); } .mark.stale { border-radius: 0; } .mark.failed, .mark.blocked { border-radius: 0; transform: rotate(45deg); }
#found { color: var(--dim); }
#stage { position: relative; overflow: hidden; min-width: 0; }
svg { width: 100%; height: 100%; display: block; cursor: grab; touch-action: none; } svg:active { cursor: grabbing; }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.2; } .edge.gathering { opacity: .35; } .edge.near { opacity: 1; stroke: var(--accent); stroke-width: 2; }
.node { cursor: pointer; } .node rect.box { fill: var(--panel); stroke: var(--line); stroke-width: 1.4; } .node.group rect.box { stroke-dasharray: none; stroke-width: 1.8; }
.node.selected rect.box { stroke: var(--accent); stroke-width: 3; } .node:focus-visible { outline: none; } .node:focus-visible rect.box { stroke: var(--accent); stroke-width: 3; }
.node.dimmed { opacity: .18; } .edge.dimmed { opacity: .08; }
.node text { fill: var(--ink); font-size: 13px; pointer-events: none; } .node text.sub { fill: var(--dim); font-size: 11px; }
.bar.cached, .mark.cached { fill: var(--cached); background: var(--cached); } .bar.missing { fill: var(--missing); } .bar.stale, .mark.stale { fill: var(--stale); background: var(--stale); } .bar.blocked, .mark.blocked { fill: var(--blocked); background: var(--blocked); } .bar.failed, .mark.failed { fill: var(--failed); background: var(--failed); }
.zoom { position: absolute; right: 14px; bottom: 14px; display: flex; gap: 6px; } .zoom button { background: var(--panel); min-width: 34px; }
aside { width: min(380px, 45vw); overflow: auto; background: var(--panel); border-left: 1px solid var(--line); padding: 14px 16px; } aside[hidden] { display: none; }
aside h2 { font-size: 15px; margin: 0 0 4px; } aside h3 { font-size: 12px; margin: 14px 0 4px; color: var(--dim); font-weight: 600; }
aside dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 0; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
aside .close { float: right; } aside code { font-size: 12px; overflow-wrap: anywhere; } aside li { margin: 1px 0; } aside ul { margin: 0; padding: 0; list-style: none; }
aside a { color: var(--accent); cursor: pointer; }
`;
