import assert from 'node:assert/strict';
import { counted, type ClaimTold, type Told } from '../../../../../invoker/objects/sharing/authority.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';

const peer = (instance: number): Peer => ({ instance, url: `http://invoker${instance}` });
const claim = (instance: number, epoch: number, more: Partial<ClaimTold> = {}): ClaimTold => ({
  peer: peer(instance),
  epoch,
  confirmed: false,
  objects: true,
  formers: [],
  ...more,
});
/** Invoker 0 takes the color over, and 1 and 2 have replied. */
const told = (parts: Partial<Told>): Told => ({
  self: 0,
  claims: [],
  raised: [],
  own: new Map(),
  ...parts,
});
const NOBODY = { formers: [], self: false };

describe('the objects that count for the next owner of a color', () => {
  it('are all of them if nobody is known to have owned it', () => {
    assert.deepEqual(counted(told({})), { formers: 'all', self: true });
  });

  it('are those of the highest claim and of the invokers that it has counted', () => {
    const claims = [claim(1, 5), claim(2, 6, { formers: [peer(3), peer(0)] })];
    assert.deepEqual(counted(told({ claims })), { formers: [peer(3), peer(2)], self: true });
    assert.deepEqual(counted(told({ claims: [claim(1, 5, { objects: false })] })), NOBODY);
  });

  it('are those of this invoker if its own claim is the highest one', () => {
    const own = { ...claim(0, 7), peer: undefined, formers: [peer(3)] };
    assert.deepEqual(counted(told({ claims: [claim(1, 5), own] })), { formers: [peer(3)], self: true });
    assert.deepEqual(counted(told({ claims: [claim(1, 8), own] })), { formers: [peer(1)], self: false });
  });

  it('are none if an invoker that does not reply has raised the epoch since, or an unknown one', () => {
    const claims = [claim(1, 5)];
    for (const run of ['3-a', undefined]) {
      assert.deepEqual(counted(told({ claims, raised: [{ epoch: 6, run }] })), NOBODY);
      assert.deepEqual(counted(told({ raised: [{ epoch: 6, run }] })), NOBODY);
      assert.deepEqual(counted(told({ claims, raised: [{ epoch: 5, run }] })), { formers: [peer(1)], self: false });
    }
  });

  it('are not fewer because an invoker that replies, or this one, has tried to take it over and knows it', () => {
    const raised = ['0-a', '1-b', '2-c'].map((run) => ({ epoch: 9, run }));
    const own = new Map([
      ['0-a', 9],
      ['1-b', 9],
      ['2-c', 10],
    ]);
    assert.deepEqual(counted(told({ claims: [claim(1, 5)], raised, own })), { formers: [peer(1)], self: false });
    // One of them does not know of it any more.
    own.set('2-c', 4);
    assert.deepEqual(counted(told({ claims: [claim(1, 5)], raised, own })), NOBODY);
    // It has started again, and tries, too.
    own.delete('2-c');
    own.set('2-d', 12);
    assert.deepEqual(counted(told({ claims: [claim(1, 5)], raised, own })), NOBODY);
  });

  it('are those of an owner that is sure, whoever has tried to take it over', () => {
    const claims = [claim(1, 5, { confirmed: true })];
    assert.deepEqual(counted(told({ claims, raised: [{ epoch: 9, run: '3-a' }] })), {
      formers: [peer(1)],
      self: false,
    });
  });

  it('are those of an owner that is sure, even if a former one claims a higher epoch', () => {
    const claims = [claim(1, 9), claim(2, 5, { confirmed: true })];
    assert.deepEqual(counted(told({ claims })), { formers: [peer(2)], self: false });
    const own = { ...claim(0, 9), peer: undefined };
    assert.deepEqual(counted(told({ claims: [own, claim(2, 5, { confirmed: true })] })), {
      formers: [peer(2)],
      self: false,
    });
  });
});
