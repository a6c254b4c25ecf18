import type { Report } from './page.js';

/* The sentences of README.md about the experiments. A run into docs/palette writes them there. */

const BEGIN = '<!-- bench:palette -->';
const END = '<!-- /bench:palette -->';
const WIDTH = 130;

/** @throws Error if a section or a figure is missing. */
export function claims({ sections }: Pick<Report, 'sections'>): string {
  const figure = (section: string, name: string): number => {
    const value = sections.find((one) => one.name === section)?.figures?.[name];
    if (value === undefined) throw new Error(`the results have no figure ${name} of ${section}`);
    return value;
  };
  const hits = (name: string): string => figure('social', name).toFixed(0);
  const less = (section: string, name: string): string => `${(-100 * figure(section, name)).toFixed(0)} %`;
  const quick = sections.filter(({ run }) => run.quick).map(({ title }) => title);
  return wrapped(
    [
      '`npm run bench:palette` repeats the experiments of the Palette paper in a simulation that runs this balancer.',
      `A social network's hit ratio was ${hits('least')} to ${hits('most')} % with colors, by policy, and ${hits('oblivious')} % without them, on 24 workers (the paper: over 24 % and about 4 %).`,
      `Run times were less than on a platform that queues at random workers: Task Bench by ${less('taskbench', 'queueing')} (the paper: 46 %), TPC-H by ${less('tpch', 'queueing')} with links of 10 Gbit/s and by ${less('tpch', 'slowQueueing')} with 1 Gbit/s (40 %), NumS by ${less('nums', 'queueing')} (37 %).`,
      `On a platform that knows the free slots they were less by ${less('taskbench', 'idleFirst')}, ${less('tpch', 'idleFirst')} and ${less('nums', 'idleFirst')}.`,
      `The simulation was compared with real runs of graphs: hit ratios and run times agreed in ${figure('graphs', 'agree')} of ${figure('graphs', 'of')} configurations.`,
      ...(quick.length > 0 ? [`These sections are of quick runs: ${quick.join(', ')}.`] : []),
      '[docs/palette](docs/palette/index.html) has the results and the open questions.',
    ].join(' '),
  );
}

/** A text with the claims between its two marks. @throws Error without the marks. */
export function withClaims(text: string, report: Pick<Report, 'sections'>): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the text has no ${BEGIN} … ${END}`);
  return `${text.slice(0, begin)}${BEGIN}\n\n${claims(report)}\n\n${text.slice(end)}`;
}

function wrapped(text: string): string {
  const lines = [''];
  // A number stays with its percent sign.
  for (const word of text.split(/ (?!%)/)) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}
