import assert from 'node:assert/strict';
import { judge } from '../../../bench/faults/history.js';
import { Load } from '../../../bench/faults/load.js';
import { allRounds, type FailedRound, type Round, type Stage } from '../../../bench/faults/rounds.js';

const nothing = { answers: [], runs: [], records: [], listed: [], backAt: 0 };
const verdict = judge(nothing, { answerMs: 1, resultMs: 1, containers: 1 });
const trials = [{ name: 'one' }, { name: 'two' }];

describe('the rounds of fault trials', () => {
  let opened: number;
  let closed: string[];
  let told: string[];
  const open = async (): Promise<Stage & { readonly number: number }> => {
    opened += 1;
    const number = opened;
    const load = new Load({ bases: () => [], key: '', action: '', runMs: 1 });
    const close = async (failed: boolean): Promise<void> => {
      load.close();
      closed.push(`${number} ${failed ? 'failed' : 'done'}`);
    };
    return { number, load, close };
  };
  const options = {
    rounds: 2,
    seed: 10,
    tell: ({ trial, round, seed }: Round) => void told.push(`${trial} ${round} ${seed}`),
    tellFailure: ({ trial, round, error }: FailedRound) => void told.push(`${trial} ${round} failed: ${String(error)}`),
  };
  beforeEach(() => {
    opened = 0;
    closed = [];
    told = [];
  });
  const played = (trial: { name: string }, round: number): Round => ({
    trial: trial.name,
    round,
    seed: options.seed + round,
    verdict,
    refusals: {},
    failures: {},
  });

  it('are all played on the same stage', async () => {
    await allRounds(trials, options, open, async (_stage, trial, round) => played(trial, round));
    assert.deepEqual(told, ['one 1 11', 'one 2 12', 'two 1 11', 'two 2 12']);
    assert.deepEqual(closed, ['1 done']);
  });

  it('go on after one that failed, on a new stage', async () => {
    await allRounds(trials, options, open, async ({ number }, trial, round) => {
      if (number === 1 && round === 2) throw new Error('the broker does not start');
      return played(trial, round);
    });
    assert.deepEqual(told, ['one 1 11', 'one 2 failed: Error: the broker does not start', 'two 1 11', 'two 2 12']);
    assert.deepEqual(closed, ['1 failed', '2 done']);
  });

  it('fail one by one where nothing can be started', async () => {
    const failing = (): Promise<Stage> => Promise.reject(new Error('no Java'));
    await allRounds(trials, { ...options, rounds: 1 }, failing, () => assert.fail('there is nothing to play on'));
    assert.deepEqual(told, ['one 1 failed: Error: no Java', 'two 1 failed: Error: no Java']);
  });
});
