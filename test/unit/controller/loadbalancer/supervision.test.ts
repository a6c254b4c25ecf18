import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  finished,
  listed,
  pinged,
  SUPERVISION,
  ticked,
  unavailableKind,
  type Outcome,
  type Step,
  type Supervised,
} from '../../../../controller/loadbalancer/supervision.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const name = invokerInstance(0, 'host', 1024);
const ping = { name, isEnabled: true };
const fresh = (): Step => pinged(undefined, ping, 0, SUPERVISION);

/** The state after the outcomes, and how many tests they asked for. */
function after(from: Supervised, outcomes: readonly Outcome[]): { next: Supervised; tests: number } {
  let next = from;
  let tests = 0;
  for (const outcome of outcomes) {
    const step = finished(next, outcome, 1, SUPERVISION);
    next = step.next;
    if (step.test) tests++;
  }
  return { next, tests };
}
const times = (count: number, outcome: Outcome): Outcome[] => Array.from({ length: count }, () => outcome);

describe('the kinds that invokers cannot run', () => {
  const cannot = { unavailableKinds: { 'python:3': 'there is no image' } };
  const up = (said: object, now = 0): Supervised =>
    pinged(undefined, { ...ping, ...said }, now, { ...SUPERVISION, trustNew: true }).next;

  it('are those that every invoker that is up says it cannot run', () => {
    assert.equal(unavailableKind('python:3', [up(cannot), up(cannot)], 0), 'there is no image');
    assert.equal(unavailableKind('python:3', [up(cannot), up({ unavailableKinds: {} })], 0), undefined);
    assert.equal(unavailableKind('nodejs:20', [up(cannot)], 0), undefined);
    assert.equal(unavailableKind('constructor', [up(cannot)], 0), undefined);
    const down = pinged(up({ unavailableKinds: {} }), { name, isEnabled: false }, 0, SUPERVISION).next;
    assert.equal(unavailableKind('python:3', [up(cannot), down], 0), 'there is no image');
  });

  it('are unknown if no invoker is up, if one does not report them, or if no report is recent', () => {
    assert.equal(unavailableKind('python:3', [], 0), undefined);
    assert.equal(unavailableKind('python:3', [{ ...up(cannot), status: 'unhealthy' }], 0), undefined);
    assert.equal(unavailableKind('python:3', [up(cannot), up({})], 0), undefined);
    const quiet = pinged(up(cannot), ping, 30_000, SUPERVISION).next;
    assert.equal(unavailableKind('python:3', [quiet], 30_000), 'there is no image');
    assert.equal(unavailableKind('python:3', [quiet], 30_001), undefined);
    const later = up(cannot, 100_000);
    assert.equal(unavailableKind('python:3', [later], 130_000), 'there is no image');
    assert.equal(unavailableKind('python:3', [later], 130_001), undefined);
  });
});

describe('the health of an invoker', () => {
  it('begins unhealthy with a test, and is up at the first success', () => {
    assert.deepEqual([fresh().next.status, fresh().test], ['unhealthy', true]);
    const { next, tests } = after(fresh().next, ['success']);
    assert.equal(next.status, 'up');
    assert.equal(tests, 1, 'another test follows the first success');
  });

  it('begins up if new invokers are trusted, and down if its first ping says that it is disabled', () => {
    const trusted = pinged(undefined, ping, 0, { ...SUPERVISION, trustNew: true });
    assert.deepEqual([trusted.next.status, trusted.test], ['up', false]);
    const disabled = pinged(undefined, { name, isEnabled: false }, 0, SUPERVISION);
    assert.deepEqual([disabled.next.status, disabled.test], ['down', false]);
  });

  it('stays unhealthy until errors are at most 3 of the last 10', () => {
    const broken = after(fresh().next, times(4, 'systemError')).next;
    assert.equal(broken.status, 'unhealthy');
    const almost = after(broken, times(6, 'success'));
    assert.equal(almost.next.status, 'unhealthy');
    assert.equal(almost.tests, 6, 'each success while unhealthy asks for the next test');
    assert.equal(after(almost.next, ['success']).next.status, 'up');
  });

  it('goes back to unhealthy at one error while it is new', () => {
    const new1 = after(fresh().next, ['systemError', 'success']).next;
    assert.equal(new1.status, 'up');
    assert.equal(after(new1, ['systemError']).next.status, 'unhealthy');
    assert.equal(after(after(fresh().next, ['success']).next, ['timeout']).next.status, 'unresponsive');
  });

  it('tolerates 3 errors of 10, not 4', () => {
    const well = after(fresh().next, times(10, 'success')).next;
    assert.equal(after(well, times(3, 'systemError')).next.status, 'up');
    assert.equal(after(well, times(4, 'systemError')).next.status, 'unhealthy');
    assert.equal(after(well, times(3, 'timeout')).next.status, 'up');
    assert.equal(after(well, times(4, 'timeout')).next.status, 'unresponsive');
    const recovered = after(after(well, times(10, 'timeout')).next, times(7, 'success'));
    assert.equal(recovered.next.status, 'up');
  });

  it('is down 10 s after its last ping, from any state, and unhealthy at the next', () => {
    for (const outcomes of [[], times(1, 'success'), times(1, 'timeout')]) {
      const before = { ...after(fresh().next, outcomes).next, testAt: Infinity };
      assert.equal(ticked(before, 10_000, SUPERVISION).next.status, before.status);
      const down = ticked(before, 10_001, SUPERVISION);
      assert.deepEqual([down.next.status, down.test], ['down', false]);
      const back = pinged(down.next, ping, 20_000, SUPERVISION);
      assert.deepEqual([back.next.status, back.test], ['unhealthy', true]);
    }
    const kept = pinged(fresh().next, ping, 9_000, SUPERVISION).next;
    assert.equal(ticked(kept, 18_000, SUPERVISION).next.status, 'unhealthy');
  });

  it('drains while it is disabled and says so, until it is enabled or stops', () => {
    const before = after(fresh().next, ['success']).next;
    const draining = pinged(before, { name, isEnabled: false, drains: true }, 5, SUPERVISION).next;
    assert.deepEqual([draining.status, draining.drains], ['down', true]);
    assert.equal(pinged(draining, ping, 6, SUPERVISION).next.drains, undefined);
    assert.equal(pinged(draining, { name, isEnabled: false }, 6, SUPERVISION).next.drains, undefined);
    assert.equal(pinged(before, { ...ping, drains: true }, 5, SUPERVISION).next.drains, undefined);
  });

  it('shares objects at the address of its last ping, if that has one', () => {
    const shares = pinged(fresh().next, { ...ping, objects: 'http://a:1' }, 5, SUPERVISION).next;
    assert.equal(shares.objectsUrl, 'http://a:1');
    assert.equal(pinged(undefined, { ...ping, objects: 'http://a:1' }, 5, SUPERVISION).next.objectsUrl, 'http://a:1');
    assert.equal(pinged(shares, ping, 6, SUPERVISION).next.objectsUrl, undefined);
  });

  it('is known to prepare containers since a ping said so', () => {
    assert.equal(fresh().next.prepares, undefined);
    const able = pinged(fresh().next, { ...ping, prepares: true }, 5, SUPERVISION).next;
    assert.equal(able.prepares, true);
    assert.equal(pinged(undefined, { ...ping, prepares: true }, 0, SUPERVISION).next.prepares, true);
    assert.equal(pinged(able, { ...ping, prepares: false }, 6, SUPERVISION).next.prepares, true);
  });

  it('is down at once when its ping says that it is disabled, and stays so until it is enabled', () => {
    const disabled = pinged(after(fresh().next, ['success']).next, { name, isEnabled: false }, 5, SUPERVISION);
    assert.equal(disabled.next.status, 'down');
    assert.equal(pinged(disabled.next, { name, isEnabled: false }, 6, SUPERVISION).next.status, 'down');
    assert.equal(after(disabled.next, ['success']).next.status, 'down', 'late work does not bring it back');
    assert.equal(pinged(disabled.next, { name }, 7, SUPERVISION).next.status, 'unhealthy');
  });

  it('is tested every ten seconds while unhealthy or unresponsive, and only then', () => {
    const sick = fresh().next;
    assert.equal(ticked(sick, 9_999, SUPERVISION).test, false);
    const tested = ticked(sick, 10_000, SUPERVISION);
    assert.equal(tested.test, true);
    assert.equal(ticked(pinged(tested.next, ping, 11_000, SUPERVISION).next, 19_000, SUPERVISION).test, false);
    const up = pinged(after(sick, ['success']).next, ping, 70_000, SUPERVISION).next;
    assert.equal(ticked(up, 70_001, SUPERVISION).test, false);
  });

  it('shows quickly that it answers again after timeouts: each success asks for the next test', () => {
    const late = after(after(fresh().next, times(10, 'success')).next, times(10, 'timeout')).next;
    assert.equal(late.status, 'unresponsive');
    assert.deepEqual(
      [after(late, times(6, 'success')).tests, after(late, times(6, 'success')).next.status],
      [6, 'unresponsive'],
    );
    assert.equal(after(late, times(7, 'success')).next.status, 'up');
  });

  it('takes over a new description with a ping', () => {
    const renamed = { ...name, displayedName: 'other' };
    assert.equal(pinged(fresh().next, { name: renamed }, 1, SUPERVISION).next.instance.displayedName, 'other');
  });

  it('is judged by the last ten outcomes alone', () => {
    const outcome = fc.constantFrom<Outcome>('success', 'systemError', 'timeout');
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
        const { next } = after(fresh().next, outcomes);
        assert.deepEqual(next.outcomes, outcomes.slice(-10));
        const errors = next.outcomes.filter((one) => one === 'systemError').length;
        const timeouts = next.outcomes.filter((one) => one === 'timeout').length;
        if (next.status === 'up') assert.ok(errors <= 3 && timeouts <= 3);
        if (errors > 3) assert.equal(next.status, 'unhealthy');
        else if (timeouts > 3) assert.equal(next.status, 'unresponsive');
        else if (outcomes.at(-1) === 'success') assert.equal(next.status, 'up');
      }),
    );
  });
});

describe('the tests of an invoker', () => {
  it('follow from neither pings nor more of the same errors', () => {
    const sick = fresh().next;
    assert.equal(pinged(sick, ping, 1, SUPERVISION).test, false);
    const broken = finished(sick, 'systemError', 1, SUPERVISION);
    assert.equal(broken.next.status, 'unhealthy');
    assert.equal(broken.test, false);
  });

  it('do not follow while it is up or down', () => {
    const up = after(fresh().next, ['success']).next;
    assert.equal(finished(up, 'success', 1, SUPERVISION).test, false);
    const down = pinged(up, { name, isEnabled: false }, 5, SUPERVISION).next;
    assert.equal(finished(down, 'success', 6, SUPERVISION).test, false);
    assert.equal(finished(down, 'timeout', 6, SUPERVISION).test, false);
    assert.equal(ticked(down, 1_000_000, SUPERVISION).test, false);
  });

  it('follow at once if it turns unhealthy, and then at their interval', () => {
    const well = after(fresh().next, times(7, 'success')).next;
    const broken = finished(after(well, times(3, 'timeout')).next, 'timeout', 50, SUPERVISION);
    assert.deepEqual([broken.next.status, broken.test, broken.next.testAt], ['unresponsive', true, 10_050]);
  });

  it('cost nothing for an invoker that works well: a further success changes nothing', () => {
    const well = after(fresh().next, times(10, 'success')).next;
    const step = finished(well, 'success', 1, SUPERVISION);
    assert.equal(step.next, well, 'the same object');
    assert.equal(step.test, false);
    assert.notEqual(finished(well, 'timeout', 1, SUPERVISION).next, well);
  });
});

describe('the list of invokers', () => {
  it('has no gaps: a number that never pinged is down', () => {
    const two = listed([], { instance: invokerInstance(2, 'b', 256), status: 'up' });
    const list = listed(two, { instance: invokerInstance(5, 'e', 512), status: 'up' });
    assert.deepEqual(
      list.map(({ status }) => status),
      ['down', 'down', 'up', 'down', 'down', 'up'],
    );
    assert.deepEqual(
      list.map(({ instance }) => instance.instance),
      [0, 1, 2, 3, 4, 5],
    );
    assert.equal(list[0]?.instance.userMemory, `${256 * 1024 * 1024} B`);
    assert.equal(list[4]?.instance.userMemory, `${512 * 1024 * 1024} B`);
    assert.deepEqual(
      list.map(({ neverSeen }) => neverSeen ?? false),
      [true, true, false, true, true, false],
    );
    assert.equal(list[2], two[2], 'what did not change is the same object');
    assert.deepEqual(listed(list, { instance: invokerInstance(2, 'b', 256), status: 'down' })[2]?.status, 'down');
  });
});
