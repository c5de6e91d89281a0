// The look of the report: one column, light and dark, narrow screens. No font and no picture is fetched.

export const style = `
:root {
  --ink: #1c1f23; --soft: #5b636d; --line: #d8dce1; --paper: #fff; --panel: #f5f6f8; --fresh: #ffe08a;
  --good: #0a7a52; --bad: #b3261e;
  --c1: #2563a8; --c2: #c2571a; --c3: #1b8a6b; --c4: #8a4fae; --c5: #a3781a; --c6: #b23a6b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8eb; --soft: #9aa3ad; --line: #363c44; --paper: #15181c; --panel: #1e2227; --fresh: #6b5514;
    --good: #4cc38a; --bad: #ff8a80;
    --c1: #6aa9f0; --c2: #f0965a; --c3: #56c9a8; --c4: #c195e0; --c5: #d9b35c; --c6: #ec86ad;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; }
a { color: var(--c1); }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
nav { margin: .75rem 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .9rem; }
figure { margin: .5rem 0 1rem; overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 30rem; max-width: 42rem; height: auto; }
.keys { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .875rem; padding: 0; margin: .25rem 0; list-style: none; }
.keys li::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: .2em; background: var(--key); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th { font-weight: 600; color: var(--soft); white-space: normal; vertical-align: bottom; line-height: 1.25; }
th.name, td.name { text-align: left; }
td.text { white-space: normal; overflow-wrap: anywhere; text-align: left; }
.good { color: var(--good); }
.bad { color: var(--bad); }
code, .answer, .prompt { font: .875rem/1.55 ui-monospace, monospace; }
.answer, .prompt { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border-radius: .4rem; padding: .6rem .75rem; margin: .4rem 0; max-height: 24rem; overflow: auto; unicode-bidi: isolate; }
details { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: .5rem 0; }
summary .badge { display: inline-block; min-width: 5.5em; font-weight: 600; }
details > div { padding: 0 0 1rem; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: .5rem 1.5rem; }
.beside > div { min-width: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .875rem; margin: .4rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.filters, .player { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin: .4rem 0; }
button { font: inherit; font-size: .875rem; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .2rem .7rem; cursor: pointer; }
button[aria-pressed="true"] { border-color: var(--c1); box-shadow: inset 0 0 0 1px var(--c1); }
:focus-visible { outline: 2px solid var(--c1); outline-offset: 2px; }
input[type="range"] { flex: 1 1 10rem; min-width: 8rem; accent-color: var(--c1); }
.player output { font-size: .875rem; min-width: 15em; }
.player label { font-size: .875rem; }
.open { color: var(--soft); opacity: .6; }
.fresh { background: var(--fresh); border-radius: .2em; }
.order { border-radius: .2em; background: color-mix(in srgb, var(--c1) calc(var(--late) * 70%), transparent); }
@media (max-width: 34rem) {
  body { padding: 1rem .75rem 3rem; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .35rem; }
}
@media print { .player, .filters { display: none; } details { break-inside: avoid; } }
`;
