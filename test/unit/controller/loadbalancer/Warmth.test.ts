import assert from 'node:assert/strict';
import { Warmth } from '../../../../controller/loadbalancer/Warmth.js';
import { colorKey } from '../../../../shared/colors/colorKey.js';

const COLORS = Array.from({ length: 2000 }, (_, i) => colorKey('guest', `c${i}`));
const MOVE_MS = 10_000;

/** The share of colors for which something holds. */
const share = (holds: (color: number) => boolean): number => COLORS.filter(holds).length / COLORS.length;

const near = (value: number, expected: number): void => {
  assert.ok(Math.abs(value - expected) < 0.05, `${value}, not about ${expected}`);
};

/** With an old invoker 0. */
function warmth(moveMs = MOVE_MS): Warmth {
  const all = new Warmth(moveMs, 0);
  all.seen(0, 0);
  return all;
}

describe('the warmth of an invoker', () => {
  it('grows over the time, after a first step without colors, as in the example', () => {
    const all = warmth();
    assert.equal(all.seen(1, 20_000), true);
    assert.equal(all.seen(1, 20_500), false, 'only the first ping starts it');
    assert.equal(all.ofJoined(1), 0);
    assert.deepEqual(all.advance(20_999), []);
    assert.deepEqual(all.advance(21_000), [1]);
    assert.equal(all.ofJoined(1), 0.1);
    assert.deepEqual(all.advance(21_500), []);
    assert.deepEqual(all.advance(29_999), [1]);
    assert.equal(all.ofJoined(1), 0.9);
    assert.deepEqual(all.advance(30_000), [1]);
    assert.equal(all.ofJoined(1), 1);
    assert.deepEqual(all.advance(40_000), []);
  });

  it('is complete at once for invokers that were there before the controller or start with the first one, and if colors move at once', () => {
    const all = new Warmth(MOVE_MS, 0);
    assert.deepEqual([all.seen(0, 30_000), all.ofJoined(0)], [false, 1], 'the first one');
    assert.deepEqual([all.seen(1, 39_999), all.ofJoined(1)], [false, 1], 'one that starts with it');
    assert.deepEqual([all.seen(2, 40_000), all.ofJoined(2)], [true, 0], 'and no later one');
    assert.deepEqual([warmth().seen(1, 9999), warmth().cameBack(0, 9999)], [false, false], 'an old one');
    assert.deepEqual([warmth(0).seen(1, 20_000), warmth(0).cameBack(0, 20_000)], [false, false], 'no time to move');
    assert.equal(warmth(0).drains(0, 20_000), false);
  });

  it('counts the time since the start of the controller', () => {
    const later = (): Warmth => {
      const all = new Warmth(1, 5000);
      all.seen(0, 5000);
      return all;
    };
    assert.deepEqual([later().seen(1, 14_999), later().cameBack(0, 14_999)], [false, false]);
    assert.deepEqual([later().seen(1, 15_000), later().cameBack(0, 15_000)], [true, true]);
    assert.equal(later().drains(0, 5000), true);
  });

  it('admits colors in turn to an invoker that is back, after a first step without colors', () => {
    const all = warmth();
    const back = (now: number): number => share((color) => all.admits(0, color, now));
    assert.equal(back(50_000), 1);
    assert.equal(all.cameBack(0, 50_000), true);
    assert.equal(back(50_999), 0);
    assert.deepEqual([all.admits(0, 0, 50_999), all.admits(0, 0, 51_000)], [false, true], 'the first color');
    all.advance(55_500);
    near(back(55_500), 0.5);
    assert.equal(
      share((color) => all.admits(1, color, 55_500)),
      1,
      'and all others at once',
    );
    assert.equal(back(60_000), 1);
    all.advance(60_000);
    assert.equal(back(60_000), 1);
  });

  it('keeps colors in turn on an invoker that drains, and none once it has stopped', () => {
    const all = warmth();
    const kept = (now: number): number => share((color) => all.keeps(0, color, now));
    assert.equal(kept(50_000), 0, 'it does not drain');
    assert.equal(all.drains(0, 50_000), true);
    assert.equal(all.drains(0, 52_000), false, 'it drains already');
    near(kept(50_000), 1);
    assert.equal(all.keeps(0, 0, 50_000), false, 'the first color leaves at once');
    near(kept(55_000), 0.5);
    assert.equal(kept(60_000), 0);
    all.drainsNot(0);
    assert.equal(kept(50_000), 0);
    assert.equal(all.drains(0, 70_000), true, 'it drains again');
  });

  it('lets the same colors come last that leave last', () => {
    const all = warmth();
    all.drains(0, 50_000);
    const late = COLORS.filter((color) => all.keeps(0, color, 55_000));
    all.cameBack(0, 70_000);
    assert.ok(late.every((color) => !all.admits(0, color, 75_000)));
  });
});
