"""The look of `report.html`, on screens and on paper."""

CSS = """
:root { color-scheme: light; }
body { margin: 0; background: #f4f5f7; color: #1c1e21;
       font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.15rem; margin: 0 0 .6rem; }
p { margin: .5rem 0; }
.about, .note, figcaption { color: #55595f; font-size: .9rem; }
section, figure { background: #fff; border: 1px solid #dfe2e6; border-radius: 6px;
                  margin: 1rem 0; padding: 1rem 1.2rem; }
section.result { border-left: 5px solid #0072b2; }
section.warning { border-left: 5px solid #d55e00; background: #fff6ee; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: .6rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid #e8eaed; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { font-weight: 600; white-space: nowrap; }
thead th { font-weight: 600; color: #55595f; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
section.result th, section.result td:not(:last-child) { white-space: nowrap; }
td strong { font-weight: 600; }
section.beside td:first-child { font-weight: 600; }
ul { margin: .3rem 0; padding-left: 1.3rem; }
pre { background: #f4f5f7; padding: .8rem; overflow-x: auto; font-size: .85rem; }
summary { cursor: pointer; font-weight: 600; }
@media (max-width: 46rem) {
  section.result th, section.result td:not(:last-child) { white-space: normal; }
}
@media print {
  body { background: #fff; font-size: 11pt; }
  main { max-width: none; padding: 0; }
  section.result th, section.result td:not(:last-child) { white-space: normal; }
  section.result th, section.result td { font-size: 10pt; padding-right: .7rem; }
  figure img { max-height: 10cm; }  /* two a page */
  section, figure { border: 0; padding: 0; margin: 0 0 1rem; break-inside: avoid; }
  section.warning, section.result { padding-left: .8rem; }
  pre { white-space: pre-wrap; }
}
"""
