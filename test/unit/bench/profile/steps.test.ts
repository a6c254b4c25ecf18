import assert from 'node:assert/strict';
import { stepsOf, type Mark } from '../../../bench/profile/steps.js';

/** The marks of a call that begins at `at`, each step taking 1 ms, but `slow` ms in the container. */
function call(at: number, slow = 1): { controller: Mark[]; invoker: Mark[] } {
  const marks = (...points: [number, Mark['point']][]): Mark[] => points.map(([ms, point]) => ({ at: at + ms, point }));
  return {
    // The response to the produce request is read in between.
    controller: marks(
      [0, 'request'],
      [1, 'send'],
      [2, 'written'],
      [2.5, 'read'],
      [8 + slow, 'read'],
      [9 + slow, 'handed'],
      [10 + slow, 'answered'],
    ),
    invoker: marks(
      [3, 'read'],
      [4, 'handed'],
      [5, 'run'],
      [5 + slow, 'ran'],
      [6 + slow, 'send'],
      [7 + slow, 'written'],
      [7.5 + slow, 'read'],
    ),
  };
}

function together(calls: readonly ReturnType<typeof call>[]) {
  return {
    controller: calls.flatMap(({ controller }) => controller),
    invoker: calls.flatMap(({ invoker }) => invoker),
  };
}

describe('the steps of a call', () => {
  it('end where the call reached their points, whatever else was read meanwhile', () => {
    const { steps, totalMs, found, calls } = stepsOf(together([call(0, 5), call(100, 5), call(200, 7), call(300)]));
    assert.deepEqual([found, calls], [3, 3]);
    assert.equal(totalMs, 15);
    assert.deepEqual(
      steps.map(({ ms }) => ms),
      [1, 1, 1, 1, 1, 5, 1, 1, 1, 1, 1],
    );
  });

  it('are not told of a call with a missing point', () => {
    const lost = call(100, 50);
    const marks = together([call(0), { ...lost, invoker: lost.invoker.slice(0, 3) }, call(200), call(300)]);
    const { totalMs, found, calls } = stepsOf(marks);
    assert.deepEqual([found, calls], [2, 3]);
    assert.equal(totalMs, 11);
  });
});
