import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { claims, withClaims } from '../../../bench/palette/claims.js';
import type { Report } from '../../../bench/palette/page.js';
import type { Run } from '../../../bench/palette/results.js';

const run: Run = { command: 'x', date: '2026-01-01', quick: false, seeds: [1], loadAverage: [0], seconds: 1 };
const section = (name: string, figures: Record<string, number>, quick = false): Report['sections'][number] => ({
  name,
  title: `The ${name}`,
  notes: [],
  plots: [],
  tables: [],
  findings: [],
  figures,
  run: { ...run, quick },
});
const SECTIONS = [
  section('social', { oblivious: 3.9, least: 24.1, most: 28.4 }),
  section('taskbench', { queueing: -0.49, idleFirst: -0.14 }, true),
  section('tpch', { queueing: -0.36, slowQueueing: -0.54, idleFirst: -0.09 }),
  section('nums', { queueing: -0.54, idleFirst: -0.51 }),
  section('graphs', { agree: 11, of: 16 }),
];

describe('the claims about the experiments', () => {
  it('are in README.md as the results in docs/palette have them', () => {
    const readme = readFileSync('README.md', 'utf8');
    // The file is of this project.
    const report = JSON.parse(readFileSync('docs/palette/results.json', 'utf8')) as Report;
    assert.equal(withClaims(readme, report), readme);
  });

  it('name the figures, and the sections of quick runs', () => {
    const text = claims({ sections: SECTIONS }).replaceAll('\n', ' ');
    assert.match(text, /hit ratio was 24 to 28 % with colors, by policy, and 4 % without/);
    assert.match(text, /Task Bench by 49 % .* TPC-H by 36 % .* 54 % with 1 Gbit\/s .* NumS by 54 %/);
    assert.match(text, /agreed in 11 of 16 configurations\. These sections are of quick runs: The taskbench\./);
    assert.ok(
      claims({ sections: SECTIONS })
        .split('\n')
        .every(({ length }) => length <= 130),
    );
  });

  it('need all sections and the marks of their place', () => {
    assert.throws(() => claims({ sections: SECTIONS.slice(1) }), /no figure least of social/);
    assert.throws(() => withClaims('nothing', { sections: SECTIONS }), /the text has no/);
  });
});
