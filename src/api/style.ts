/** How the few plain pages look; served as a file of its own, so that no style stands in a page. */

export const style = `:root {
  color-scheme: light dark;
  --ink: #17212b; --soft: #5b6875; --paper: #fbfaf8; --card: #ffffff; --line: #dfe3e8; --wine: #7b1e3a; --good: #1f7a4d; --warn: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --soft: #9aa5b1; --paper: #14181d; --card: #1c2229; --line: #313a44; --wine: #e38aa3; --good: #6ecf9c; --warn: #e2b552; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Noto Sans KR", sans-serif; }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 1rem 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline; border-bottom: 1px solid var(--line); }
header strong { font-size: 1.25rem; color: var(--wine); letter-spacing: .02em; }
header nav { display: flex; gap: 1rem; flex: 1; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p, li { max-width: 46rem; }
a { color: var(--wine); }
a:focus-visible, button:focus-visible { outline: 3px solid var(--wine); outline-offset: 2px; }
.lead { color: var(--soft); font-size: 1.05rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.25rem; margin: 1rem 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
button { font: inherit; padding: .55rem 1.2rem; border-radius: .4rem; border: 1px solid var(--wine); background: var(--wine); color: var(--paper); cursor: pointer; }
button.quiet { background: none; color: var(--wine); padding: .2rem .7rem; }
.state::before { content: "●"; margin-right: .4em; color: var(--soft); }
.state.running::before, .state.ready::before { color: var(--good); }
.state.crashed::before, .state.unknown::before, .state.pending::before { color: var(--warn); }
.quiet { color: var(--soft); }
form { display: inline; }
footer { color: var(--soft); font-size: .9rem; }
`
