import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge, type Verdict } from '../../../bench/faults/history.js';
import { OptionError } from '../../../bench/faults/options.js';
import { Results } from '../../../bench/faults/Results.js';
import type { FailedRound, Round } from '../../../bench/faults/rounds.js';

const setup = { brokers: 1, couch: 'stand-in' };
const nothing = { answers: [], runs: [], records: [], listed: [], backAt: 0, rejoinsMs: [] };
const none = judge(nothing, { answerMs: 1, resultMs: 1, containers: 1 });
const round = (trial: string, number: number, counts: Partial<Verdict> = {}): Round => ({
  trial,
  round: number,
  seed: number,
  tookMs: 1,
  loadAverage: 1,
  verdict: { ...none, ...counts },
  refusals: {},
  failures: {},
  readErrors: {},
});
const broken = (trial: string): FailedRound => ({ trial, round: 9, seed: 9, error: new Error('it did not end') });

describe('the results of bench:faults', () => {
  let folder: string;
  let file: string;
  let printed: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'results-'));
    file = join(folder, 'results.jsonl');
    printed = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const opened = (parts = setup): Results => new Results(file, parts, (line) => void printed.push(line));

  it('count the rounds of an earlier bench with the same file', () => {
    const earlier = opened();
    earlier.played(round('invoker killed', 1, { accepted: 5, 'slowest answer (ms)': 40 }));
    earlier.failed(broken('broker killed'));
    earlier.uncounted(broken('database killed'));
    const later = opened();
    assert.equal(later.done('invoker killed'), 1);
    assert.equal(later.done('broker killed'), 1, 'a round that failed is not repeated');
    assert.equal(later.done('database killed'), 0, 'a round that is not counted is repeated');
    assert.equal(later.done('invoker frozen'), 0);
    later.played(round('invoker killed', 2, { accepted: 7, lost: 1, 'slowest answer (ms)': 30 }));
    const { 'invoker killed': sums } = later.table();
    assert.deepEqual(sums, { ...none, rounds: 2, accepted: 12, lost: 1, 'slowest answer (ms)': 40 });
    assert.deepEqual(later.faulty(), ['invoker killed', 'broker killed']);
    assert.deepEqual(later.untried(), ['database killed']);
    assert.deepEqual(later.remarks(), [
      '1 rounds failed: broker killed',
      '1 rounds not counted, since Kafka or CouchDB failed by itself: database killed',
    ]);
  });

  it('print each round, and the sums so far', () => {
    const results = opened();
    results.played(round('invoker killed', 1, { accepted: 5 }));
    results.played(round('invoker killed', 2, { accepted: 6, doubled: 2 }));
    assert.equal(
      printed.at(-1),
      'invoker killed, 2 rounds so far: 11 accepted, 0 lost, 2 doubled, 0 run twice, 0 late',
    );
    assert.deepEqual(
      readFileSync(file, 'utf8').trimEnd().split('\n'),
      printed.filter((line) => line.startsWith('{')),
    );
  });

  it('are apart for each number of brokers and each CouchDB', () => {
    opened().played(round('broker killed', 1));
    assert.equal(opened({ ...setup, brokers: 3 }).done('broker killed'), 0);
    assert.equal(opened({ ...setup, couch: 'installed' }).done('broker killed'), 0);
    assert.equal(opened().done('broker killed'), 1);
  });

  it('leave out a line that the bench did not write to its end, and go on behind the others', () => {
    opened().played(round('broker killed', 1));
    appendFileSync(file, '{"trial":"broker killed","round":2,"se');
    const later = opened();
    assert.equal(later.done('broker killed'), 1);
    later.played(round('broker killed', 2));
    assert.equal(opened().done('broker killed'), 2);
  });

  it('are not written to a file of another kind', () => {
    for (const text of ['some notes', 'some notes\n', '{"trial":"broker killed"}\n']) {
      writeFileSync(file, text);
      assert.throws(() => opened(), OptionError);
      assert.equal(readFileSync(file, 'utf8'), text);
    }
  });

  it('need no file', () => {
    const results = new Results(undefined, setup, (line) => void printed.push(line));
    results.played(round('broker killed', 1));
    assert.deepEqual(results.faulty(), []);
    assert.equal(printed.length, 2);
  });
});
