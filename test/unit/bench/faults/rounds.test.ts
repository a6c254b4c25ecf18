import assert from 'node:assert/strict';
import { judge } from '../../../bench/faults/history.js';
import { Load } from '../../../bench/faults/load.js';
import { BrokerStartError } from '../../../integration/kafka/broker.js';
import { ElectionError } from '../../../integration/kafka/brokers.js';
import { CouchStartError } from '../../../integration/couchdb/OwnCouch.js';
import { allRounds, type FailedRound, type Round, type Stage } from '../../../bench/faults/rounds.js';

const nothing = { answers: [], runs: [], records: [], listed: [], backAt: 0, rejoinsMs: [] };
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
    done: () => 0,
    tell: ({ trial, round, seed }: Round) => void told.push(`${trial} ${round} ${seed}`),
    tellFailure: ({ trial, round, error }: FailedRound) => void told.push(`${trial} ${round} failed: ${String(error)}`),
    tellUncounted: ({ trial, round }: FailedRound) => void told.push(`${trial} ${round} not counted`),
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
    tookMs: 1,
    loadAverage: 1,
    verdict,
    refusals: {},
    failures: {},
    readErrors: {},
  });

  it('are all played on the same stage', async () => {
    await allRounds(trials, options, open, async (_stage, trial, round) => played(trial, round));
    assert.deepEqual(told, ['one 1 11', 'two 1 11', 'one 2 12', 'two 2 12']);
    assert.deepEqual(closed, ['1 done']);
  });

  it('have a stage each if the trial wants that', async () => {
    const fresh = [{ name: 'one', freshStage: true }, { name: 'two' }];
    await allRounds(fresh, options, open, async (_stage, trial, round) => played(trial, round));
    assert.deepEqual(closed, ['1 done', '2 done', '3 done']);
    assert.equal(told.length, 4);
  });

  it('go on after one that failed, on a new stage', async () => {
    await allRounds(trials, options, open, async ({ number }, trial, round) => {
      if (number === 1 && round === 2) throw new Error('the invoker does not start');
      return played(trial, round);
    });
    assert.deepEqual(told, ['one 1 11', 'two 1 11', 'one 2 failed: Error: the invoker does not start', 'two 2 12']);
    assert.deepEqual(closed, ['1 failed', '2 done']);
  });

  it('keep what a round with a fault was played on, and go on on a new stage', async () => {
    await allRounds(trials, options, open, async ({ number }, trial, round) => {
      const faulty = number === 1 && round === 2;
      return { ...played(trial, round), verdict: { ...verdict, lost: faulty ? 1 : 0 } };
    });
    assert.deepEqual(told, ['one 1 11', 'two 1 11', 'one 2 12', 'two 2 12']);
    assert.deepEqual(closed, ['1 failed', '2 done']);
  });

  it('are not counted if Kafka or CouchDB does not come back, and the others are played on a new stage', async () => {
    const errors = [new BrokerStartError('late'), new CouchStartError('late'), new ElectionError('late')];
    for (const error of errors) {
      [opened, closed, told] = [0, [], []];
      await allRounds(trials, options, open, async ({ number }, trial, round) => {
        if (number === 1 && round === 2) throw error;
        return played(trial, round);
      });
      assert.deepEqual(told, ['one 1 11', 'two 1 11', 'one 2 not counted', 'two 2 12']);
      assert.deepEqual(closed, ['1 failed', '2 done']);
    }
  });

  it('end for a trial of which three were not counted', async () => {
    await allRounds(trials, { ...options, rounds: 9 }, open, async (_stage, trial, round) => {
      if (trial.name === 'one' && round > 1) throw new BrokerStartError('late');
      return played(trial, round);
    });
    const ofOne = told.filter((line) => line.startsWith('one'));
    assert.deepEqual(ofOne, ['one 1 11', 'one 2 not counted', 'one 3 not counted', 'one 4 not counted']);
    assert.equal(told.length - ofOne.length, 9);
  });

  it('are played only if an earlier bench has not played them', async () => {
    const done = (trial: string): number => (trial === 'one' ? 1 : 2);
    await allRounds(trials, { ...options, rounds: 3, done }, open, async (_stage, trial, round) =>
      played(trial, round),
    );
    assert.deepEqual(told, ['one 2 12', 'one 3 13', 'two 3 13']);
    await allRounds(trials, { ...options, done: () => 2 }, open, () => assert.fail('all rounds were played'));
    assert.equal(opened, 1);
  });

  it('fail one by one if nothing can be started', async () => {
    const failing = (): Promise<Stage> => Promise.reject(new Error('no Java'));
    await allRounds(trials, { ...options, rounds: 1 }, failing, () => assert.fail('there is nothing to play on'));
    assert.deepEqual(told, ['one 1 failed: Error: no Java', 'two 1 failed: Error: no Java']);
  });
});
