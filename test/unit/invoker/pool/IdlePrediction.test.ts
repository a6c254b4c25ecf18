import assert from 'node:assert/strict';
import { containerKey, newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { IdlePrediction } from '../../../../invoker/pool/IdlePrediction.js';

const MINUTE = 60_000;
const GRACE = 10_000;

/** A clock, and an action that is invoked at some of its times. */
class Fixture {
  readonly prediction: IdlePrediction<string>;
  now = 0;

  constructor(maxActions = 10) {
    this.prediction = new IdlePrediction<string>({ graceMs: GRACE, fixedMs: 10 * MINUTE, maxActions });
  }

  /** Runs so many activations at once. */
  invoke(flow = 'ns|a', atOnce = 1): void {
    for (let i = 0; i < atOnce; i++) this.prediction.arrived(flow, () => `ticket of ${flow}`, this.now);
    for (let i = 0; i < atOnce; i++) this.prediction.left(flow, this.now);
  }

  /** Invokes it `count` times, after idle times of so many minutes. */
  learn(minutes: number, { flow = 'ns|a', count = 6, atOnce = 1 } = {}): void {
    this.invoke(flow, atOnce);
    for (let i = 0; i < count; i++) {
      this.now += minutes * MINUTE;
      this.invoke(flow, atOnce);
    }
  }

  /** Whether a container of the action, which was last used so many minutes ago, is over. */
  isOver(usedAgo: number, key = containerKey('ns', 'a', '1-a')): boolean | undefined {
    const entry: ContainerEntry = { ...newEntry(1, 'nodejs:20', 256), key, lastUsed: this.now - usedAgo * MINUTE };
    return this.prediction.isOver(entry, this.now);
  }

  due(most = 10) {
    return this.prediction.due(this.now, most);
  }
}

describe('IdlePrediction', () => {
  it('predicts nothing for an action that it does not know, or a stem cell', () => {
    const f = new Fixture();
    assert.equal(f.isOver(5), undefined);
    const cell = { ...newEntry(1, 'nodejs:20', 256), lastUsed: 0 };
    assert.equal(f.prediction.isOver(cell, MINUTE), undefined);
    f.learn(30, { count: 4 });
    assert.equal(f.isOver(5), undefined);
    f.now += 30 * MINUTE;
    assert.deepEqual(f.due(), []);
  });

  it('removes the container of a timer after its grace time, and starts one before the next time', () => {
    const f = new Fixture();
    f.learn(30);
    f.now += GRACE - 1;
    assert.equal(f.isOver((GRACE - 1) / MINUTE), false);
    f.now += 1;
    assert.equal(f.isOver(GRACE / MINUTE), true);
    f.now += 26 * MINUTE;
    assert.deepEqual(f.due(), []);
    f.now += MINUTE;
    assert.deepEqual(f.due(), [{ ticket: 'ticket of ns|a', containers: 1 }]);
    assert.deepEqual(f.due(), [], 'once for an idle time');
    assert.equal(f.isOver(0.1), false);
    assert.equal(f.isOver(5), false);
    f.now += 10 * MINUTE;
    assert.equal(f.isOver(10), true, 'it did not come');
    assert.deepEqual(f.due(), []);
    f.invoke();
    f.now += 28 * MINUTE;
    assert.equal(f.due().length, 1, 'again for the next idle time');
  });

  it('does not start a container after its time', () => {
    const f = new Fixture();
    f.learn(30);
    f.now += 40 * MINUTE;
    assert.deepEqual(f.due(), []);
  });

  it('keeps the container of an action that soon comes again, for its own time', () => {
    const f = new Fixture();
    f.learn(2);
    assert.equal(f.isOver(1), false);
    assert.equal(f.isOver(3.2), false);
    assert.equal(f.isOver(3.4), true);
    f.now += 2 * MINUTE;
    assert.deepEqual(f.due(), []);
  });

  it('leaves the containers that a busy action does not need to the fixed time', () => {
    const f = new Fixture();
    f.learn(30);
    f.now += 30 * MINUTE;
    f.prediction.arrived('ns|a', () => '', f.now);
    assert.equal(f.isOver(5), undefined);
    assert.deepEqual(f.due(), []);
    f.prediction.left('ns|a', f.now);
    assert.equal(f.isOver(5), true);
  });

  it('starts as many containers as both of the last two busy periods had activations at once', () => {
    const f = new Fixture();
    f.learn(30, { atOnce: 3 });
    f.now += 28 * MINUTE;
    assert.deepEqual(
      f.due().map(({ containers }) => containers),
      [3],
    );
    f.now += 2 * MINUTE;
    f.invoke('ns|a', 8);
    f.now += 28 * MINUTE;
    assert.deepEqual(
      f.due().map(({ containers }) => containers),
      [3],
    );
  });

  it('takes a new revision as the same action', () => {
    const f = new Fixture();
    f.learn(30);
    assert.equal(f.isOver(1, containerKey('ns', 'a', '2-b')), true);
    assert.equal(f.isOver(1, containerKey('ns', 'other', '1-a')), undefined);
  });

  it('returns some at a time, and the rest later', () => {
    const f = new Fixture();
    for (const flow of ['ns|a', 'ns|b', 'ns|c']) f.invoke(flow);
    for (let i = 0; i < 6; i++) {
      f.now += 30 * MINUTE;
      for (const flow of ['ns|a', 'ns|b', 'ns|c']) f.invoke(flow);
    }
    f.now += 28 * MINUTE;
    assert.equal(f.due(2).length, 2);
    assert.equal(f.due(2).length, 1);
    assert.equal(f.due(2).length, 0);
  });

  it('starts no container without the means to start it', () => {
    const f = new Fixture();
    for (let i = 0; i < 7; i++) {
      f.prediction.arrived('ns|a', () => undefined, f.now);
      f.prediction.left('ns|a', f.now);
      f.now += 30 * MINUTE;
    }
    f.now -= MINUTE;
    assert.deepEqual(f.due(), []);
  });

  it('forgets the action whose latest busy period began first', () => {
    const f = new Fixture(2);
    f.learn(30);
    f.invoke('ns|b');
    f.invoke('ns|c');
    assert.equal(f.prediction.size, 2);
    assert.equal(f.isOver(1), undefined);
    f.prediction.left('ns|a', f.now);
    assert.equal(f.prediction.size, 2);
  });

  it('ignores an end that it did not see begin', () => {
    const f = new Fixture();
    f.prediction.left('ns|a', 0);
    f.invoke();
    f.prediction.left('ns|a', 5);
    assert.equal(f.prediction.size, 1);
  });
});
