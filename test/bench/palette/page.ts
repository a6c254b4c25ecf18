import * as echarts from 'echarts';
import type { Finding, Plot, Run, Section, Table } from './results.js';

/** What the experiments found, with the circumstances of each run. */
export interface Report {
  readonly versions: Readonly<Record<string, string>>;
  readonly processor: string;
  readonly processors: number;
  readonly sections: readonly (Section & { readonly run: Run })[];
}

/** The report as one HTML page without scripts; its plots are SVG. */
export function page(report: Report): string {
  const { sections } = report;
  const findings = sections.flatMap((section) => section.findings.map((finding) => ({ section, finding })));
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>palette-whisk: the experiments of Palette</title>
<style>
:root { color-scheme: light dark; --text: #222; --page: #fff; --line: #d5d5d5; --head: #f3f3f3; --good: #176617; --bad: #a11616; --other: #8a5a00 }
@media (prefers-color-scheme: dark) {
  :root { --text: #ddd; --page: #16181c; --line: #3c4048; --head: #24272d; --good: #7fc97f; --bad: #ff8f8f; --other: #e3b25b }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--page) }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
th, td { border: 1px solid var(--line); padding: .2rem .6rem; text-align: right; vertical-align: top }
th:first-child, td:first-child, .text td, .text th, .words { text-align: left }
th { background: var(--head) }
.reproduced { color: var(--good) } .not { color: var(--bad) } .other { color: var(--other) }
figure { margin: 1rem 0; max-width: 860px } svg { max-width: 100%; height: auto }
svg text { fill: var(--text) }
code { overflow-wrap: anywhere }
</style>
</head>
<body>
<h1>The experiments of Palette, reproduced</h1>
<p>${escaped(versions.join(', '))}; ${report.processors} × ${escaped(report.processor)}.</p>
<p>Sections named “simulated” are simulations with the shipped balancer. ${validation(findings.map(({ finding }) => finding))}</p>
<h2>Beside the paper</h2>
<p>The figures of Palette (Abdi et al., EuroSys’23) are those that its summaries report.</p>
<table class="text"><tr><th>experiment</th><th>claim</th><th>paper</th><th>here</th><th>verdict</th><th>why</th></tr>
${findings.map(({ section, finding }) => findingRow(section, finding)).join('\n')}
</table>
${sections.map(sectionHtml).join('\n')}
</body>
</html>
`;
}

/** Whether the simulations were compared with real runs. */
function validation(findings: readonly Finding[]): string {
  const compared = findings.filter(({ verdict }) => verdict === 'validated' || verdict === 'not validated');
  if (compared.length === 0) return '<strong>Not validated:</strong> they were not compared with real runs.';
  const items = compared.map(({ claim, here, verdict }) => `${claim}: ${here} (<strong>${verdict}</strong>)`);
  return `They were compared with real runs: ${items.join('; ')}.`;
}

function findingRow({ title }: Section, { claim, paper, here, verdict, why }: Finding): string {
  const cells = [title, claim, paper, here].map((text) => `<td>${escaped(text)}</td>`).join('');
  const style =
    verdict === 'reproduced' || verdict === 'validated'
      ? 'reproduced'
      : verdict === 'other configuration'
        ? 'other'
        : 'not';
  return `<tr>${cells}<td class="${style}"><strong>${verdict}</strong></td><td>${escaped(why)}</td></tr>`;
}

function sectionHtml({ title, notes, plots, tables, run }: Section & { readonly run: Run }): string {
  return `<h2>${escaped(title)}</h2>
<p>Made by <code>${escaped(run.command)}</code> on ${escaped(run.date)} in ${run.seconds.toFixed(0)} s${run.processorSeconds === undefined ? '' : ` (${run.processorSeconds.toFixed(0)} s of processors)`}, seeds ${run.seeds.join(', ')}, load average ${run.loadAverage.map((one) => one.toFixed(1)).join(', ')} at its start.${run.quick ? ' A quick run: small sizes.' : ''}</p>
<ul>${notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul>
${plots.map((plot) => `<figure>${svg(plot)}</figure>`).join('\n')}
${tables.map(tableHtml).join('\n')}`;
}

function tableHtml({ title, columns, rows }: Table): string {
  const head = columns.map((column) => `<th>${escaped(column)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(tableCell).join('')}</tr>`);
  return `<h3>${escaped(title)}</h3>\n<table><tr>${head}</tr>\n${body.join('\n')}\n</table>`;
}

/** Text is aligned to the left, a figure to the right. */
const tableCell = (cell: string | number): string =>
  `<td${/[a-z]{3}/.test(String(cell)) ? ' class="words"' : ''}>${escaped(String(cell))}</td>`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (one) => ENTITIES[one] ?? one);

/** A plot as SVG. Bars of the spread are drawn as a band of lines above and below. */
function svg({ title, x, y, kind, series }: Plot): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 860, height: 400 });
  chart.setOption({
    animation: false,
    backgroundColor: 'transparent',
    color: COLORS,
    title: { text: title, textStyle: { fontSize: 15 } },
    legend: { bottom: 0, type: 'plain' },
    grid: { left: 60, right: 20, top: 50, bottom: 50 + 22 * Math.ceil(series.length / 4) },
    xAxis: { type: 'category', name: x.name, nameLocation: 'middle', nameGap: 26, data: x.values.map(String) },
    yAxis: {
      type: 'value',
      name: y.name,
      nameTextStyle: { align: 'left', padding: [0, 0, 0, -40] },
      min: 0,
      // Visible on a light and on a dark page.
      splitLine: { lineStyle: { color: '#8886', width: 0.5 } },
    },
    series: series.flatMap(({ name, means, spreads }, i) => {
      const color = COLORS[i % COLORS.length];
      const data = means.map((value) => (Number.isFinite(value) ? Number(value.toFixed(2)) : null));
      const main = { name, type: kind === 'bars' ? 'bar' : 'line', data, itemStyle: { color }, symbolSize: 6 };
      if (!spreads) return [main];
      const errors = means.map((value, index) => [index, value - (spreads[index] ?? 0), value + (spreads[index] ?? 0)]);
      return [
        main,
        {
          name,
          type: 'custom',
          data: errors,
          itemStyle: { color },
          renderItem: (
            _params: unknown,
            api: { value(dimension: number): number; coord(point: readonly number[]): number[] },
          ) => {
            const [px = 0, low = 0] = api.coord([api.value(0), api.value(1)]);
            const [, high = 0] = api.coord([api.value(0), api.value(2)]);
            return {
              type: 'line',
              shape: { x1: px, y1: low, x2: px, y2: high },
              style: { stroke: color, lineWidth: 1.5 },
            };
          },
        },
      ];
    }),
  });
  const text = chart.renderToSVGString();
  chart.dispose();
  return text;
}

const COLORS = ['#888888', '#4e79a7', '#f28e2b', '#59a14f', '#e15759', '#b07aa1', '#76b7b2', '#edc948', '#9c755f'];
