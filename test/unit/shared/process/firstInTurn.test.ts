import assert from 'node:assert/strict';
import { firstInTurn } from '../../../../shared/process/firstInTurn.js';

const LONG_MS = 600_000;

/** Tasks that end when the test says so. */
function tasks(count: number) {
  const begun: number[] = [];
  const made = Array.from({ length: count }, (_, i) => {
    let resolve: (value: number) => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    const promise = new Promise<number>((...settle) => ([resolve, reject] = settle));
    const run = (): Promise<number> => {
      begun.push(i);
      return promise;
    };
    return { run, resolve, reject };
  });
  return { begun, made, run: made.map(({ run }) => run) };
}

describe('the first result of tasks that begin in turn', () => {
  it('is that of the first task, and the others do not begin', async () => {
    const { begun, made, run } = tasks(3);
    const first = firstInTurn(run, LONG_MS);
    made[0]?.resolve(7);
    assert.equal(await first, 7);
    assert.deepEqual(begun, [0]);
  });

  it('is that of the next task if one fails at once', async () => {
    const { begun, made, run } = tasks(3);
    const first = firstInTurn(run, LONG_MS);
    made[0]?.reject(new Error('no'));
    made[1]?.resolve(8);
    assert.equal(await first, 8);
    assert.deepEqual(begun, [0, 1]);
  });

  it('may be that of a slow task, although the next one has begun', async () => {
    const { begun, made, run } = tasks(2);
    const first = firstInTurn(
      run.map((each, i) => () => {
        if (i === 1) made[0]?.resolve(9);
        return each();
      }),
      1,
    );
    assert.equal(await first, 9);
    assert.deepEqual(begun, [0, 1]);
  });

  it('is the last error if all tasks fail', async () => {
    const { made, run } = tasks(2);
    const first = firstInTurn(run, LONG_MS);
    made[0]?.reject(new Error('one'));
    made[1]?.reject(new Error('two'));
    await assert.rejects(first, /two/);
  });
});
