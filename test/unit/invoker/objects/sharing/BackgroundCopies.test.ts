import assert from 'node:assert/strict';
import { BackgroundCopies } from '../../../../../invoker/objects/sharing/BackgroundCopies.js';
import { newlyOwned, type CopySet, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { A } from '../memory/memories.js';

const NEXT = { instance: 2, url: 'http://two' };

/** The ownership of a color whose set of copies is lost. */
const needy = (color: string): Owned => {
  const owned = newlyOwned({ namespace: A, color, policy: undefined, epoch: 1, lapses: 0, validMs: 8000 });
  owned.copiedTo = { peer: NEXT, epoch: 1, complete: true, lost: true };
  return owned;
};

/** Copies whose requests the test ends. */
function setup() {
  const ends: { readonly resolve: (set: CopySet) => void; readonly reject: (error: Error) => void }[] = [];
  const warnings: string[] = [];
  const state = { now: 0 };
  const copies = new BackgroundCopies({
    replication: {
      ensure: () => new Promise((resolve, reject) => void ends.push({ resolve, reject })),
      check: () => Promise.reject(new Error('not expected')),
    },
    now: () => state.now,
    isOwned: () => true,
    onWarning: (text) => void warnings.push(text),
  });
  return { copies, ends, warnings, state };
}

describe('sets of copies without a change', () => {
  it('are begun for a bounded number of colors at the same time, and for the others later', async () => {
    const { copies, ends, state } = setup();
    const all = Array.from({ length: 200 }, (_, index) => needy(`c${index}`));
    for (const owned of all) copies.tend(owned, NEXT);
    assert.equal(ends.length, 64);
    ends[0]?.resolve({ peer: NEXT, epoch: 2, complete: true });
    ends[1]?.reject(new Error('away'));
    await new Promise(setImmediate);
    state.now = 500;
    for (const owned of all) copies.tend(owned, NEXT);
    // A color whose set has failed has a pause.
    assert.equal(ends.length, 66);
  });

  it('warn once while copying to an invoker fails', async () => {
    const { copies, ends, warnings, state } = setup();
    const owned = needy('c');
    for (let attempt = 0; attempt < 4; attempt++) {
      copies.tend(owned, NEXT);
      if (attempt === 2) ends[attempt]?.resolve({ peer: NEXT, epoch: 2, complete: true });
      else ends[attempt]?.reject(new Error('away'));
      await new Promise(setImmediate);
      state.now += 1000;
    }
    assert.equal(ends.length, 4);
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /could not copy replicated objects to invoker2/);
  });
});
