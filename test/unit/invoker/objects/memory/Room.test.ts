import assert from 'node:assert/strict';
import { Entry, Namespace } from '../../../../../invoker/objects/memory/entries.js';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectIndex } from '../../../../../invoker/objects/memory/ObjectIndex.js';
import { ReadCopies } from '../../../../../invoker/objects/memory/ReadCopies.js';
import { Room, type RoomParts } from '../../../../../invoker/objects/memory/Room.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { at, KB, MB, refused } from './memories.js';

const OBJECT: StoredObject = {
  bytes: ObjectBytes.EMPTY,
  contentType: 'text/plain',
  etag: '"1"',
  persistence: 'memory',
  expiresAt: undefined,
};

/** Room for 100 bytes, with objects of any cost, and the keys of those that were evicted. */
class Fixture {
  readonly index = new ObjectIndex();
  readonly evicted: string[] = [];
  readonly room: Room;

  constructor(parts: Partial<RoomParts> = {}) {
    this.room = new Room({
      boundBytes: 100,
      maxObjects: 100,
      maxKeysPerColor: 10,
      index: this.index,
      copies: undefined,
      evict: (entry) => {
        this.evicted.push(entry.address.key);
        this.index.remove(entry);
        this.room.giveBack(entry);
      },
      ...parts,
    });
  }

  /** An object of a namespace. Later ones were used later. */
  add(owner: Namespace, key: string, cost: number, persistence: Persistence = 'memory'): Entry {
    const entry = new Entry(key, at(key), owner, { ...OBJECT, persistence }, cost, this.index.size);
    this.index.add(entry);
    this.room.take(entry);
    return entry;
  }

  /** The bytes that are used, and the keys that were evicted since the last call. */
  take(): [number, string] {
    return [this.room.usedBytes, this.evicted.splice(0).join()];
  }
}

const owner = (name: string, limitBytes?: number): Namespace => {
  const made = new Namespace(name, name);
  made.limitBytes = limitBytes;
  return made;
};

/** Whether an error says that there is no memory. */
const noMemory = (text: string) => (error: unknown) =>
  error instanceof ObjectError && error.status === 503 && error.message === text && error.retryAfterS === 1;
const NO_MEMORY = 'This invoker has no memory for the object now.';

describe('Room', () => {
  it('is taken to the last byte before anything is evicted', () => {
    const f = new Fixture();
    const guest = owner('guest');
    for (const key of ['a', 'b']) f.add(guest, key, 30);
    f.room.make(guest, 40, {});
    assert.deepEqual(f.take(), [60, '']);
    f.room.make(guest, 41, {});
    assert.deepEqual(f.take(), [30, 'a']);
    f.room.make(guest, 100, {});
    assert.deepEqual(f.take(), [0, 'b']);
    assert.throws(() => f.room.make(guest, 101, {}), noMemory('This invoker has memory for 100 bytes of objects now.'));
    assert.equal(f.room.refusals, 1);
  });

  it('counts the evictions, and tells those of each namespace once', () => {
    const f = new Fixture();
    const [guest, other] = [owner('guest'), owner('other')];
    for (const key of ['a', 'b', 'c']) f.add(guest, key, 20);
    f.add(other, 'd', 40);
    f.room.make(guest, 35, {});
    assert.deepEqual(f.take(), [60, 'a,b']);
    f.room.resize(0);
    assert.deepEqual(f.take(), [0, 'c,d']);
    assert.deepEqual([f.room.evictions, guest.evictions, other.evictions], [4, 3, 1]);
    assert.deepEqual(f.room.takeEvicted(), [
      { name: 'guest', evictions: 3 },
      { name: 'other', evictions: 1 },
    ]);
    assert.deepEqual(f.room.takeEvicted(), []);
  });

  it('that a namespace has used up to its limit is there for the replacement of its own object only', () => {
    const f = new Fixture({ boundBytes: 1000 });
    const limited = owner('limited', 100);
    f.add(limited, 'a', 60);
    f.room.make(limited, 40, {});
    const text = 'The namespace uses 60 bytes for objects, and 41 more exceed its limit of 100.';
    assert.throws(
      () => f.room.make(limited, 41, {}),
      (error) => error instanceof ObjectError && error.status === 429 && error.message === text,
    );
    f.room.make(limited, 50, { replaced: 10 });
    assert.throws(() => f.room.make(limited, 51, { replaced: 10 }), refused(429));
    f.room.charge(limited, 40);
    assert.throws(() => f.room.make(limited, 1, {}), refused(429, /uses 100 bytes/));
    // The limit was lowered meanwhile: what needs no more memory is no matter of the limit.
    limited.limitBytes = 50;
    f.room.make(limited, 0, {});
    f.room.make(limited, -10, {});
    // A refusal for the limit is not for lack of memory.
    assert.equal(f.room.refusals, 0);
  });

  it('is not missed by a change that needs none, after the bound has shrunk', () => {
    const f = new Fixture();
    const guest = owner('guest');
    // Bodies that are received: they cannot be evicted.
    f.room.charge(guest, 50);
    f.room.resize(49);
    f.room.make(guest, 0, {});
    f.room.make(guest, -1, {});
    assert.throws(() => f.room.make(guest, 1, {}), noMemory(NO_MEMORY));
    assert.equal(f.room.refusals, 1);
    f.room.charge(guest, -1);
    assert.throws(() => f.room.make(guest, 1, {}), noMemory(NO_MEMORY));
    f.add(guest, 'a', 1);
    f.room.charge(guest, -1);
    assert.deepEqual(f.take(), [49, '']);
    f.room.make(guest, 1, {});
    assert.deepEqual(f.take(), [48, 'a']);
  });

  it('is not made at the cost of the object that is replaced', () => {
    const f = new Fixture();
    const guest = owner('guest');
    const first = f.add(guest, 'a', 50);
    f.add(guest, 'b', 50);
    f.room.make(guest, 10, { spared: first });
    assert.deepEqual(f.take(), [50, 'b']);
    assert.equal(first.holds, 0);
    assert.throws(() => f.room.make(guest, 60, { spared: first }), noMemory(NO_MEMORY));
    assert.equal(first.holds, 0);
  });

  it('forgets a namespace that is refused before it has anything', () => {
    const f = new Fixture();
    const limited = f.index.owner({ uuid: 'u', name: 'limited', limitBytes: 10 });
    assert.throws(() => f.room.make(limited, 11, {}), refused(429));
    assert.equal(f.index.namespaces.size, 0);
    f.room.charge(f.index.owner({ uuid: 'u', name: 'limited', limitBytes: 10 }), 5);
    assert.equal(f.index.namespaces.size, 1);
    f.room.charge(f.index.owner({ uuid: 'u', name: 'limited', limitBytes: 10 }), -5);
    assert.deepEqual([f.index.namespaces.size, f.room.usedBytes], [0, 0]);
  });

  it('shrinks by exactly as many objects as exceed the bound', () => {
    const f = new Fixture();
    const guest = owner('guest');
    for (const key of ['a', 'b', 'c']) f.add(guest, key, 30);
    f.room.resize(90);
    assert.deepEqual([f.room.boundBytes, ...f.take()], [90, 90, '']);
    f.room.resize(89);
    assert.deepEqual(f.take(), [60, 'a']);
    f.room.charge(guest, 20);
    f.room.resize(70);
    assert.deepEqual(f.take(), [50, 'b']);
    f.room.resize(0);
    assert.deepEqual(f.take(), [20, 'c']);
    f.add(guest, 'tiny', 1);
    f.room.charge(guest, -20);
    f.room.resize(0);
    assert.deepEqual(f.take(), [0, 'tiny']);
  });

  it('shrinks by very many objects without a look at all namespaces for each of them', () => {
    const f = new Fixture({ boundBytes: 1000, maxObjects: 1000, maxKeysPerColor: 1000 });
    const owners = Array.from({ length: 10 }, (_, n) => owner(`guest${n}`));
    for (const one of owners) for (let n = 0; n < 50; n++) f.add(one, `${one.name}-${n}`, 1);
    const values = f.index.namespaces.values.bind(f.index.namespaces);
    let looks = 0;
    const counted: Pick<typeof f.index.namespaces, 'values'> = {
      values: () => {
        looks++;
        return values();
      },
    };
    Object.assign(f.index.namespaces, counted);
    f.room.resize(100);
    assert.equal(f.room.usedBytes, 100);
    assert.equal(looks, 1);
  });

  it('that all namespaces fit into is not taken from one beyond its share', () => {
    const f = new Fixture();
    const [guest, other] = [owner('guest'), owner('other')];
    for (const key of ['a', 'b', 'c']) f.add(guest, key, 20);
    f.add(other, 'd', 20);
    f.room.resize(80);
    assert.deepEqual(f.take(), [80, '']);
    f.room.resize(79);
    assert.deepEqual(f.take(), [60, 'a']);
  });

  it('is taken from read-only copies before it is taken from objects, and only as much as is missing', () => {
    const copies = new ReadCopies();
    const f = new Fixture({ boundBytes: MB, copies });
    const guest = owner('guest');
    const keep = (place: string): void => copies.reserve(place, 40 * KB, MB, MB)?.keep(OBJECT);
    keep('x');
    const cost = copies.bytes;
    keep('y');
    f.add(guest, 'a', MB - 2 * cost);
    f.room.make(guest, 0, {});
    f.room.resize(MB);
    assert.equal(copies.count, 2);
    f.room.make(guest, 1, {});
    assert.deepEqual([copies.count, ...f.take()], [1, MB - 2 * cost, '']);
    f.room.resize(MB - cost);
    assert.deepEqual([copies.count, ...f.take()], [1, MB - 2 * cost, '']);
    f.room.resize(MB - cost - 1);
    assert.deepEqual([copies.count, ...f.take()], [0, MB - 2 * cost, '']);
    f.room.resize(MB - 2 * cost - 1);
    assert.deepEqual(f.take(), [0, 'a']);
  });

  it('that copies use while they are sent is taken from objects', () => {
    const copies = new ReadCopies();
    const f = new Fixture({ boundBytes: MB, copies });
    const guest = owner('guest');
    copies.reserve('x', 40 * KB, MB, MB)?.keep(OBJECT);
    const release = copies.hold('x', OBJECT);
    for (const key of ['a', 'b']) f.add(guest, key, (MB - copies.bytes) / 2);
    f.room.make(guest, 1, {});
    assert.deepEqual(f.take()[1], 'a');
    release?.();
  });

  it('is never made by the eviction of a replicated object', () => {
    const f = new Fixture();
    const guest = owner('guest');
    f.add(guest, 'kept', 50, 'replicated');
    for (const [key, persistence] of [
      ['m', 'memory'],
      ['s', 'stored'],
    ] as const)
      f.add(guest, key, 25, persistence);
    assert.equal(f.room.keptBytes, 50);
    f.room.make(guest, 50, {});
    assert.deepEqual(f.take(), [50, 'm,s']);
    assert.throws(() => f.room.make(guest, 51, {}), noMemory(NO_MEMORY));
    f.room.resize(0);
    assert.deepEqual([f.room.keptBytes, ...f.take()], [50, 50, '']);
  });

  it('shrinks to the bound at the cost of a share that replicated objects of others use', () => {
    const f = new Fixture({ boundBytes: 200 });
    const [guest, other] = [owner('guest'), owner('other')];
    f.add(guest, 'kept', 70, 'replicated');
    for (const key of ['a', 'b', 'c']) f.add(other, key, 20);
    f.room.resize(100);
    assert.deepEqual(f.take(), [90, 'a,b']);
  });

  it('for replicated objects is half of the configured bound, and no more than the present one', () => {
    const f = new Fixture();
    const guest = owner('guest');
    f.room.requireKeepable(50);
    const text =
      /^Replicated objects are never evicted, and use 0 of at most 50 bytes of this invoker: 51 more exceed that\./;
    assert.throws(() => f.room.requireKeepable(51), refused(503, text));
    assert.throws(
      () => f.room.requireKeepable(51),
      (error) => error instanceof ObjectError && error.retryAfterS === 5,
    );
    const kept = f.add(guest, 'kept', 30, 'replicated');
    f.room.requireKeepable(20);
    assert.throws(() => f.room.requireKeepable(21), refused(503, /use 30 of at most 50/));
    // It is not lack of memory: containers could not help.
    assert.equal(f.room.refusals, 0);
    f.room.resize(40);
    f.room.requireKeepable(10);
    assert.throws(
      () => f.room.requireKeepable(11),
      noMemory('This invoker has no memory for the replicated object now.'),
    );
    assert.equal(f.room.refusals, 1);
    f.room.resize(10);
    // What needs no more is always possible.
    f.room.requireKeepable(0);
    f.room.requireKeepable(-1);
    f.room.resize(1000);
    assert.throws(() => f.room.requireKeepable(21), refused(503, /use 30 of at most 50/));
    const last = f.add(guest, 'last', 20, 'replicated');
    assert.throws(() => f.room.requireKeepable(1), refused(503, /use 50 of at most 50 bytes of this invoker: 1 more/));
    f.room.giveBack(kept);
    f.room.giveBack(last);
    assert.deepEqual([f.room.keptBytes, guest.keptBytes], [0, 0]);
    f.room.requireKeepable(50);
  });

  it('may be lacking for another version of a replicated object, within bounds', () => {
    const f = new Fixture();
    const [guest, other] = [owner('guest'), owner('other')];
    f.add(guest, 'kept', 40, 'replicated');
    const cached = f.add(other, 'a', 50);
    // The share of the other one is 50.
    assert.equal(f.room.make(guest, 10, { again: true }), true);
    assert.equal(f.room.make(guest, 11, { again: true }), false);
    f.room.charge(guest, 11);
    assert.deepEqual([guest.beyondBytes, ...f.take()], [11, 101, '']);
    assert.throws(() => f.room.make(guest, 11, {}), noMemory(NO_MEMORY));
    // Each object twice, not three times.
    assert.throws(() => f.room.make(guest, 30, { again: true }), noMemory(NO_MEMORY));
    assert.equal(f.room.make(guest, 29, { again: true }), false);
    f.room.charge(guest, 29);
    // All together exceed the bound by no more than the bound of replicated objects.
    f.add(other, 'kept', 10, 'replicated');
    cached.holds = 1;
    f.room.charge(guest, 1);
    assert.throws(() => f.room.make(other, 10, { again: true }), noMemory(NO_MEMORY));
    f.room.charge(guest, -1);
    assert.equal(f.room.make(other, 10, { again: true }), false);
    assert.deepEqual([guest.beyondBytes, other.beyondBytes], [40, 10]);
    cached.holds = 0;
    other.beyondBytes = 0;
    assert.equal(f.room.make(other, 10, { again: true }), true);
    assert.deepEqual([other.beyondBytes, f.take()[1]], [0, 'a']);
  });

  it('for another key is refused by a full color', () => {
    const f = new Fixture({ maxKeysPerColor: 1 });
    const guest = owner('guest');
    f.room.makeForKey(guest, 'c');
    f.add(guest, 'a', 10);
    assert.throws(
      () => f.room.makeForKey(guest, 'c'),
      refused(429, /^The color has 1 objects, the most for one: delete some, or use more colors\.$/),
    );
    f.room.makeForKey(guest, 'd');
    f.room.makeForKey(owner('other'), 'c');
    assert.deepEqual(f.take(), [10, '']);
  });

  it('for another key is made by the fullest namespace at the most objects of all', () => {
    const f = new Fixture({ maxObjects: 4 });
    const [guest, other] = [owner('guest'), owner('other')];
    f.add(other, 'x', 1);
    const oldest = f.add(guest, 'a', 1);
    f.add(guest, 'b', 1);
    f.room.makeForKey(other, 'c');
    assert.deepEqual(f.take(), [3, '']);
    f.add(guest, 'd', 1);
    // A response sends the oldest one.
    oldest.holds = 1;
    f.room.makeForKey(other, 'c');
    assert.deepEqual(f.take(), [3, 'b']);
    f.add(other, 'y', 1);
    oldest.holds = 0;
    f.add(guest, 'e', 1);
    f.room.makeForKey(other, 'c');
    assert.deepEqual(f.take(), [4, 'a']);
  });

  it('for another key is not made by replicated objects, and refused if there are only such', () => {
    const f = new Fixture({ maxObjects: 3 });
    const [guest, other] = [owner('guest'), owner('other')];
    for (const key of ['a', 'b']) f.add(guest, key, 1, 'replicated');
    f.add(other, 'x', 1);
    f.room.makeForKey(guest, 'c');
    assert.deepEqual(f.take(), [2, 'x']);
    f.add(other, 'y', 1, 'replicated');
    const third = f.index.owner({ uuid: 'u', name: 'third', limitBytes: undefined });
    assert.throws(() => f.room.makeForKey(third, 'c'), refused(503, /has 3 objects, the most that it can have/));
    // The one that was refused has nothing.
    assert.equal(f.index.namespaces.has('u'), false);
    assert.deepEqual(f.take(), [3, '']);
  });
});
