import assert from 'node:assert/strict';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { needsNewSet, needsSet, placeOf } from '../../../../../invoker/objects/sharing/place.js';
import type { HomesReply } from '../../../../../shared/objects/homesReply.js';
import { A } from '../memory/memories.js';

const peer = (instance: number) => ({ instance, url: `http://invoker${instance}` });
const reply = (...instances: number[]): HomesReply => ({
  policy: 'p',
  homes: instances.map(peer),
  away: [],
  validMs: 8000,
});
const owned = (): Owned =>
  newlyOwned({ namespace: A, color: 'c', policy: undefined, epoch: 1, lapses: 0, validMs: 8000 });

describe('the place of a color', () => {
  it('is the first home, which is this invoker or another one', () => {
    const known = reply(1, 0, 2);
    assert.deepEqual(placeOf(1, undefined, known), {
      kind: 'home',
      self: peer(1),
      others: [peer(0), peer(2)],
      reply: known,
    });
    assert.deepEqual(placeOf(0, undefined, known), { kind: 'elsewhere', homes: [peer(1), peer(0), peer(2)] });
    assert.equal(placeOf(1, owned(), known).kind, 'home');
  });

  it('is the invoker that has just got the color, whatever the controllers say', () => {
    const given = { kind: 'given', to: peer(2), until: 1 } as const;
    assert.deepEqual(placeOf(1, given, reply(1, 0)), { kind: 'elsewhere', homes: [peer(2)] });
    assert.deepEqual(placeOf(1, given, { unknown: 'nobody answers' }), { kind: 'elsewhere', homes: [peer(2)] });
  });

  it('is not known without a reply or a home', () => {
    assert.deepEqual(placeOf(1, owned(), { unknown: 'nobody answers' }), { kind: 'unknown', reason: 'nobody answers' });
    assert.equal(placeOf(1, owned(), reply()).kind, 'unknown');
  });
});

const set = (instance: number, lost?: boolean) => ({
  peer: peer(instance),
  epoch: 1,
  complete: true,
  ...(lost === undefined ? {} : { lost }),
});

describe('another set of copies', () => {
  it('is begun if the next home is another one, or has lost its set', () => {
    assert.equal(needsNewSet({ ...owned(), copiedTo: set(2) }, peer(2), 0), false);
    assert.equal(needsNewSet({ ...owned(), copiedTo: set(2, false) }, peer(2), 0), false);
    assert.equal(needsNewSet({ ...owned(), copiedTo: set(2, true) }, peer(2), 0), true);
    assert.equal(needsNewSet({ ...owned(), copiedTo: set(2) }, peer(3), 0), true);
  });

  it('is begun if the color has copies of an earlier owner', () => {
    assert.equal(needsNewSet(owned(), peer(2), 0), false);
    assert.equal(needsNewSet({ ...owned(), base: { epoch: 1, complete: true } }, peer(2), 0), true);
    assert.equal(needsNewSet({ ...owned(), copies: new Map([[2, set(2)]]) }, peer(2), 0), true);
  });

  it('is not begun while one is, and for a while after a failure', () => {
    const one = { ...owned(), copiedTo: set(2) };
    assert.equal(needsNewSet({ ...one, copying: Promise.resolve(undefined) }, peer(3), 0), false);
    assert.equal(needsNewSet({ ...one, copyAgainAt: 10 }, peer(3), 9), false);
    assert.equal(needsNewSet({ ...one, copyAgainAt: 10 }, peer(3), 10), true);
  });
});

describe('the set of copies of an invoker', () => {
  const needed = (changes: Partial<Owned>): boolean => needsSet({ ...owned(), ...changes }, 'invoker2');

  it('is needed if it is the complete one of the owner', () => {
    assert.deepEqual([needed({ copiedTo: set(2) }), needed({ copiedTo: set(3) })], [true, false]);
    // Whatever other invokers have had before.
    assert.equal(
      needed({ copiedTo: set(3), copies: new Map([[2, set(2)]]), base: { epoch: 1, complete: true } }),
      false,
    );
  });

  it('is needed while the owner makes another one', () => {
    assert.equal(needed({ copiedTo: set(3), copying: Promise.resolve(undefined) }), true);
  });

  it('is needed until the owner has made one, if there are replicated objects or it was known before', () => {
    assert.equal(needed({}), false);
    assert.equal(needed({ base: { epoch: 1, complete: true } }), true);
    assert.deepEqual(
      [needed({ copies: new Map([[2, set(2)]]) }), needed({ copies: new Map([[3, set(3)]]) })],
      [true, false],
    );
  });
});
