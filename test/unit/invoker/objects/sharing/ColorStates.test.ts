import assert from 'node:assert/strict';
import { ColorStates, newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { A } from '../memory/memories.js';

const MINUTE = 60_000;

describe('the colors of an invoker for which nobody asks', () => {
  let states: ColorStates;
  beforeEach(() => void (states = new ColorStates()));

  function own(color: string, changes: Partial<Owned> = {}): void {
    const known = { namespace: A, color, policy: undefined, epoch: 9, lapses: 0, validMs: 1000 };
    const base = { epoch: 3, complete: true };
    const owned: Owned = { ...newlyOwned({ ...known, base }), servedAt: 0, ...changes };
    const done = Promise.resolve(owned);
    states.adopt(color, { done, lapsed: undefined });
    states.adopted(color, done, owned);
  }
  const idle = (now: number, most = 50): string[] => states.idle(now, MINUTE, most).map(({ color }) => color);

  it('are those with replicated objects, once a minute', () => {
    own('kept');
    own('busy', { servedAt: 1 });
    own('plain', { base: undefined });
    own('a set', { retired: true });
    states.give('kept elsewhere', 0, { instance: 1, url: '' }, 0);
    assert.deepEqual([idle(MINUTE - 1), idle(MINUTE), idle(MINUTE)], [[], ['kept'], []]);
    assert.deepEqual(idle(2 * MINUTE), ['kept', 'busy']);
  });

  it('each get their turn, some of them in each call', () => {
    for (let i = 0; i < 2500; i++) own(`c${i}`);
    const turns = new Set<string>();
    for (let call = 0; call < 60; call++) {
      const some = idle(MINUTE);
      assert.ok(some.length <= 50);
      for (const color of some) turns.add(color);
    }
    assert.equal(turns.size, 2500);
  });

  it('get their turn although there are requests for more other colors than one call looks at', () => {
    own('idle');
    for (let i = 0; i < 2000; i++) own(`busy${i}`, { servedAt: Infinity });
    let turns = 0;
    for (let second = 1; second <= 130; second++) {
      for (let i = 0; i < 2000; i++) states.get(`busy${i}`, second * 1000);
      turns += idle(second * 1000).length;
    }
    assert.equal(turns, 2);
  });
});
