/** The page's style sheet: one readable column, system type, light and dark by the reader's preference, print. */
import { darkChartRules, FONT_STACK } from '../theme.ts';

export function styleSheet(): string {
  return `
:root{color-scheme:light dark;--paper:#fdfdfc;--card:#ffffff;--ink:#222222;--soft:#5f5f5f;--line:#e4e4e1;--link:#00609a;--alert:#b04a00}
@media (prefers-color-scheme:dark){:root{--paper:#151617;--card:#1c1d1f;--ink:#ececec;--soft:#a9a9a9;--line:#34363a;--link:#6fbdee;--alert:#f0803c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 ${FONT_STACK};-webkit-text-size-adjust:100%}
main,header,footer{max-width:960px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
.eyebrow{margin:0 0 8px;color:var(--soft);font-size:14px}
h1{margin:0 0 18px;font-size:clamp(28px,4.4vw,42px);line-height:1.15;letter-spacing:-.02em;font-weight:700;text-wrap:balance}
h2{margin:0 0 4px;font-size:22px;line-height:1.3;letter-spacing:-.01em}
.lead{margin:0 0 18px;font-size:17px}
.caution{margin:12px 0 0;color:var(--soft);font-size:14px}
.facts{display:flex;align-items:baseline;flex-wrap:wrap;gap:8px 28px;margin:0 0 8px;padding:14px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line);list-style:none;color:var(--soft);font-size:14px}
.facts strong{color:var(--ink);font-size:16px}
section{margin:44px 0}
.number-of{color:var(--soft);font-weight:400}
figure{margin:14px 0 0}
.plot{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px 12px;margin-bottom:6px}
.plot svg{display:block;width:100%;min-width:680px;height:auto}
figcaption,caption{color:var(--soft);font-size:14px;line-height:1.5}
figcaption{margin-top:10px;max-width:62em}
.files{margin:0 0 16px;font-size:13px;color:var(--soft);text-align:right}
a{color:var(--link);text-underline-offset:2px}
a:focus-visible,summary:focus-visible,.scroll:focus-visible,.plot:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.scroll{overflow-x:auto;margin:18px 0 26px}
table{border-collapse:collapse;font-size:13.5px;line-height:1.4;width:100%}
caption{text-align:left;padding:0 0 10px;position:sticky;left:0;max-width:min(62em,100vw - 48px)}
th,td{padding:6px 12px 6px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
thead th{color:var(--soft);font-weight:500;vertical-align:bottom;border-bottom-color:var(--soft)}
tbody th{font-weight:600;white-space:nowrap}
.wide{width:min(1180px,100vw - 48px);position:relative;left:50%;transform:translateX(-50%)}
.number{text-align:right}
th small,td small{display:block;font-weight:400;color:var(--soft);font-size:12px;max-width:24em}
tbody th small{white-space:normal;min-width:11em}
td.number,td.number small{white-space:nowrap}
td.number small{margin-left:auto}
.alert,.facts .alert{color:var(--alert)}
.definitions{display:grid;grid-template-columns:minmax(9em,13em) minmax(0,1fr);gap:0 28px;margin:16px 0}
.definitions dt{font-weight:600;padding:12px 0;border-top:1px solid var(--line)}
.definitions dd{margin:0;padding:12px 0;border-top:1px solid var(--line);max-width:44em;font-size:15px;overflow-wrap:anywhere}
details{margin:12px 0}
summary{cursor:pointer}
code{font-size:.92em}
.line{white-space:nowrap}
footer{padding-bottom:60px;color:var(--soft);font-size:14px}
@media (max-width:640px){main,header,footer{padding:0 16px}header{padding-top:32px}body{font-size:15px}.lead{font-size:16px}.definitions{grid-template-columns:minmax(0,1fr)}.definitions dd{border-top:0;padding-top:0}.definitions dt{padding-bottom:2px}section{margin:40px 0}.plot{margin-left:-16px;margin-right:-16px;border-radius:0;border-left:0;border-right:0}}
@media print{.plot,section{break-inside:avoid}.files{display:none}}
@media (prefers-color-scheme:dark){
${darkChartRules()}
}
`;
}
