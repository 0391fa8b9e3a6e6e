/** The pages' style sheet: one readable column, system type, light and dark by the reader's preference, print. */
import { darkChartRules, FONT_STACK } from '../theme.ts';

export function styleSheet(): string {
  return `
:root{color-scheme:light dark;--paper:#fdfdfc;--card:#ffffff;--ink:#222222;--soft:#5f5f5f;--line:#e4e4e1;--link:#00609a;--alert:#b04a00;--accent:#0072b2;--shade:rgba(0,0,0,.13)}
@media (prefers-color-scheme:dark){:root{--paper:#151617;--card:#1c1d1f;--ink:#ececec;--soft:#a9a9a9;--line:#34363a;--link:#6fbdee;--alert:#f0803c;--accent:#4ea8de;--shade:rgba(0,0,0,.6)}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 ${FONT_STACK};-webkit-text-size-adjust:100%;overflow-wrap:break-word}
main,header,footer,.bar>div{max-width:960px;margin:0 auto;padding:0 24px}
.bar{border-bottom:1px solid var(--line);font-size:14px}
.bar>div{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 26px;padding-top:11px;padding-bottom:11px}
.bar .study{font-weight:600;color:var(--ink);text-decoration:none}
.bar ol{display:flex;flex-wrap:wrap;gap:2px 18px;margin:0;padding:0;list-style:none}
.bar li a{color:var(--soft);text-decoration:none;display:inline-block;padding:2px 0}
.bar li a:hover{color:var(--link);text-decoration:underline}
.bar [aria-current]{color:var(--ink);font-weight:600;box-shadow:0 2px 0 var(--accent)}
.skip{position:absolute;left:-999px}
.skip:focus{left:12px;top:8px;background:var(--card);padding:6px 12px;z-index:1}
header{padding-top:20px}
.eyebrow{margin:0 0 8px;color:var(--soft);font-size:14px}
h1{margin:0 0 14px;font-size:clamp(24px,3.6vw,34px);line-height:1.16;letter-spacing:-.02em;font-weight:700;text-wrap:balance}
.question h1{font-size:clamp(22px,3vw,29px)}
h2{margin:0 0 4px;font-size:22px;line-height:1.3;letter-spacing:-.01em}
h3{margin:22px 0 6px;font-size:16px}
.lead{margin:4px 0 0;font-size:16px;line-height:1.5;max-width:58em}
.caution{margin:12px 0 0;color:var(--soft);font-size:14px}
.facts{display:flex;align-items:baseline;flex-wrap:wrap;gap:6px 28px;margin:14px 0 8px;padding:12px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line);list-style:none;color:var(--soft);font-size:14px}
.facts strong{color:var(--ink);font-size:16px}
.facts a{color:inherit}
section{margin:28px 0}
.opening{margin-top:14px}
.opening h2{font-size:16px}
figure{margin:14px 0 0}
.plot{overflow-x:auto;background:linear-gradient(to right,var(--card) 30%,transparent) left/48px 100% no-repeat local,linear-gradient(to left,var(--card) 30%,transparent) right/48px 100% no-repeat local,linear-gradient(to right,var(--shade),transparent) left/12px 100% no-repeat scroll,linear-gradient(to left,var(--shade),transparent) right/12px 100% no-repeat scroll,var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px 12px;margin-bottom:6px}
.plot svg{display:block;max-width:100%;height:auto}
.plot svg[data-broad]{width:100%;min-width:760px}
.finding{margin:16px 0 10px;padding-left:16px;border-left:3px solid var(--accent);font-size:16px;line-height:1.5;max-width:54em}
.answer{margin:0;font-size:17.5px}
.method{margin:12px 0;color:var(--soft);font-size:14px;max-width:64em}
figcaption,caption{color:var(--soft);font-size:14px;line-height:1.5}
figcaption{margin-top:8px;max-width:66em}
.files{margin:0;font-size:13px;color:var(--soft);text-align:right}
.files+.plot{margin-top:18px}
a{color:var(--link);text-underline-offset:2px}
a:focus-visible,summary:focus-visible,.scroll:focus-visible,.plot:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px;margin:12px 0 0;padding:0;list-style:none}
.cards li{display:flex;flex-direction:column;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px 12px;position:relative}
.cards li:hover{border-color:var(--accent)}
.cards h3{margin:0 0 2px;font-size:17px;line-height:1.3}
.cards h3 a{color:var(--ink);text-decoration:none}
.cards h3 a::after{content:"";position:absolute;inset:0;border-radius:10px}
.cards h3 a:focus-visible{outline:0}
.cards li:focus-within{outline:2px solid var(--link);outline-offset:2px}
.cards .asked{margin:0 0 10px;color:var(--soft);font-size:13.5px;line-height:1.45}
.cards .answer{margin:0 0 10px;padding:0;border:0;max-width:none;font-size:14.5px;line-height:1.5}
.cards .tests{margin:auto 0 0;color:var(--soft);font-size:13px}
.step{color:var(--accent);font-variant-numeric:tabular-nums;margin-right:.45em}
.folds{margin:26px 0 0;border-bottom:1px solid var(--line)}
.fold{margin:0;border-top:1px solid var(--line)}
.fold>summary{padding:9px 0}
.fold>summary h2{display:inline;margin-right:14px;font-size:17px}
.fold>summary:hover h2{color:var(--link)}
.holds{color:var(--soft);font-size:14px}
.inside{padding:0 0 26px}
.inside:target{scroll-margin-top:60px}
details:has(:target)::details-content{content-visibility:visible;block-size:auto}
.scroll{overflow-x:auto;margin:18px 0 26px;background:linear-gradient(to left,var(--paper) 30%,transparent) right/48px 100% no-repeat local,linear-gradient(to left,var(--shade),transparent) right/12px 100% no-repeat scroll}
table{border-collapse:collapse;font-size:13.5px;line-height:1.4;width:100%}
caption{text-align:left;padding:0 0 10px;position:sticky;left:0;max-width:min(62em,100vw - 48px)}
th,td{padding:6px 14px 6px 0;overflow-wrap:normal;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:500;vertical-align:bottom;border-bottom-color:var(--soft)}
tbody th{font-weight:600;white-space:nowrap}
tr>:first-child{position:sticky;left:0;background:var(--paper)}
.wide{width:min(1320px,100vw - 48px);position:relative;left:50%;transform:translateX(-50%)}
.number{text-align:right}
th small,td small{display:block;font-weight:400;color:var(--soft);font-size:12px;max-width:24em}
tbody th small{white-space:normal;min-width:11em}
.prose{min-width:17em}
.token{white-space:nowrap}
td.number,td.number small{white-space:nowrap}
td.number small{margin-left:auto}
td.number .reason{white-space:normal;width:15em}
.alert,.facts .alert{color:var(--alert)}
.gap{margin:16px 0;padding:12px 16px;border:1px dashed var(--line);border-radius:8px;color:var(--soft);font-size:15px}
.definitions{display:grid;grid-template-columns:minmax(9em,13em) minmax(0,1fr);gap:0 28px;margin:16px 0}
.definitions dt{font-weight:600;padding:12px 0;border-top:1px solid var(--line)}
.definitions dd{margin:0;padding:12px 0;border-top:1px solid var(--line);max-width:46em;font-size:15px;overflow-wrap:anywhere}
.definitions dd p{margin:0 0 6px}
details{margin:12px 0}
.value+.value{margin-top:4px}
summary{cursor:pointer}
code{font-size:.92em;overflow-wrap:anywhere}
.line{white-space:nowrap}
.besides{min-width:13.5em}
.pairs{min-width:9em;max-width:19em}
.pairs:has(.pair:nth-child(4)){min-width:18.5em}
.pair{display:inline-block;white-space:nowrap;min-width:8.6em}
.pair i{font-style:normal;font-size:12px;color:var(--soft)}
.turn{display:flex;flex-wrap:wrap;justify-content:space-between;gap:8px 32px;padding:20px 0;margin:52px 0 0;border-top:1px solid var(--line);font-size:15px}
footer{padding-bottom:24px;color:var(--soft);font-size:14px}
@media (max-width:640px){main,header,footer,.bar>div{padding-left:16px;padding-right:16px}header{padding-top:26px}body{font-size:15px}.lead{font-size:16px}.finding{font-size:16px;padding-left:12px}.definitions{grid-template-columns:minmax(0,1fr)}.definitions dd{border-top:0;padding-top:0}.definitions dt{padding-bottom:2px}section{margin:34px 0}tbody th{white-space:normal;max-width:42vw}tbody th small{min-width:0}.plot{margin-left:-16px;margin-right:-16px;border-radius:0;border-left:0;border-right:0}.wide{width:calc(100vw - 32px)}caption{max-width:calc(100vw - 32px)}}
@media print{.plot,tr{break-inside:avoid}.files,.bar,.turn,.skip{display:none}.plot svg[data-broad]{min-width:0}details::details-content{content-visibility:visible;block-size:auto}summary{list-style:none}.scroll{overflow:visible;background:none}.wide{width:auto;left:0;transform:none}table{font-size:8.5pt}tr>:first-child{position:static}}
@media (prefers-color-scheme:dark){
${darkChartRules()}
}
`;
}
