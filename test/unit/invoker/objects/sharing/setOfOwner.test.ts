import assert from 'node:assert/strict';
import { newlyOwned, type CopySet, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import type { CopySetState } from '../../../../../invoker/objects/sharing/CopySets.js';
import { setOfOwner } from '../../../../../invoker/objects/sharing/setOfOwner.js';
import { A } from '../memory/memories.js';

const at = (epoch: number, lost?: boolean): CopySet => ({
  peer: { instance: 1, url: 'http://invoker1' },
  epoch,
  complete: true,
  ...(lost === undefined ? {} : { lost }),
});
const BASE: CopySetState = { epoch: 3, complete: true };

/** An owner with the epoch 9. */
function owner(changes: Partial<Owned> = {}): Owned {
  const known = { namespace: A, color: 'c', policy: undefined, epoch: 9, lapses: 0, validMs: 1000 };
  return { ...newlyOwned(known), ...changes };
}

describe('the set that the objects of an owner become', () => {
  describe('when it hands the color over', () => {
    const set = (changes: Partial<Owned> = {}, wasQuiet = true) => setOfOwner(owner(changes), true, wasQuiet);

    it('is none if it has never had replicated objects', () => {
      assert.equal(set(), undefined);
    });

    it('is later than all of its own sets, and the last one of these has all acknowledged changes, too', () => {
      assert.deepEqual(set({ copiedTo: at(7), base: BASE }), { epoch: 10, complete: true, since: 7 });
      // Also if they differ in a change that was not acknowledged.
      assert.deepEqual(set({ copiedTo: at(9), lateCopies: new Set(['k']) }, false)?.since, 9);
    });

    it('is the only one with all acknowledged changes if the last one of its own is lost', () => {
      assert.deepEqual(set({ copiedTo: at(7, true), base: BASE }), { epoch: 10, complete: true, since: undefined });
    });

    it('is like the set that it came from if it has made none', () => {
      assert.deepEqual(set({ base: BASE }), { epoch: 10, complete: true, since: 3 });
      assert.deepEqual(set({ base: { ...BASE, since: 2 } }), { epoch: 10, complete: true, since: 2 });
    });
  });

  describe('when another invoker may have taken the color over', () => {
    const set = (changes: Partial<Owned> = {}, wasQuiet = true) => setOfOwner(owner(changes), false, wasQuiet);

    it('is the one that it came from if it has made none', () => {
      assert.equal(set(), undefined);
      assert.deepEqual(set({ base: { ...BASE, since: 2 } }), { ...BASE, since: 2 });
      assert.deepEqual(set({ base: BASE }, false), BASE);
    });

    it('is equal to the set at the next home if no change has made a difference', () => {
      assert.deepEqual(set({ copiedTo: at(9), base: BASE }), { epoch: 9, complete: true });
    });

    it('is the only one with all acknowledged changes if the set at the next home is lost, whatever was not acknowledged', () => {
      const late = { copiedTo: at(7, true), lateCopies: new Set(['k']), base: BASE };
      // Another owner that has taken the color over since has a higher epoch than the lost set, and maybe a lower one than this owner.
      assert.deepEqual(set(late, false), { epoch: 7, complete: true });
    });

    for (const [difference, changes, wasQuiet] of [
      ['a change was under way', { copiedTo: at(9) }, false],
      ['a change was not acknowledged', { copiedTo: at(9), lateCopies: new Set(['k']) }, true],
      ['many changes were not acknowledged', { copiedTo: at(9), lateCopies: 'many' }, true],
      ['another set was begun since', { copiedTo: at(8) }, true],
    ] as const) {
      it(`may differ from the set at the next home if ${difference}`, () => {
        const { epoch } = changes.copiedTo;
        assert.deepEqual(set({ ...changes, base: BASE }, wasQuiet), { epoch, complete: true, unsure: true });
      });
    }
  });
});

describe('the set of an owner that is doubted, and was not taken over in silence', () => {
  const set = (changes: Partial<Owned>, isHeld = true) => setOfOwner(owner(changes), false, true, isHeld)?.until;

  it('is as good as its last complete one, and the sets that it has begun since', () => {
    assert.equal(set({ copiedTo: at(7) }), 9);
    assert.equal(set({ base: BASE }), 9);
    assert.equal(set({ copiedTo: at(9), base: BASE }), 9);
    assert.equal(set({ copiedTo: at(7) }, false), undefined);
  });
});
