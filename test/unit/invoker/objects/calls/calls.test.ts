import assert from 'node:assert/strict';
import { CallClient } from '../../../../../invoker/objects/calls/CallClient.js';
import type { CallServerParts } from '../../../../../invoker/objects/calls/CallServer.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { everythingIsHere, type Location } from '../../../../../shared/objects/Locate.js';
import { A, at, COST, MB, namespace, newMemory, put, refused, textOf } from '../memory/memories.js';
import type { Prepared } from '../../../../../invoker/objects/server/searches.js';
import { connectedCalls } from './connectedCalls.js';

const OBJECT = { namespace: A, address: at('k'), policy: undefined };
const PROPERTIES = { contentType: 'application/json', persistence: 'memory', ttlMs: 60_000 } as const;
const admitAll = async (): Promise<void> => undefined;
const ELSEWHERE: Location = { kind: 'elsewhere', homes: [{ instance: 1, url: 'http://other' }] };

describe('calls to the thread of the objects', () => {
  const setup = (
    elsewhere: Partial<CallServerParts['elsewhere']> = {},
    more: Partial<CallServerParts> = {},
    replyMs?: number,
  ) => {
    const memory = newMemory(10 * MB);
    const faults: unknown[] = [];
    const parts = {
      memory,
      elsewhere: { locate: everythingIsHere, ...elsewhere },
      now: () => 0,
      onFault: (_: string, error: unknown) => void faults.push(error),
      ...more,
    };
    const calls = connectedCalls(parts, replyMs);
    return { memory, calls, faults };
  };

  it('write an object, whose bytes move, and read a copy of it', async () => {
    const { memory, calls } = setup();
    const bytes = Buffer.from('x'.repeat(5 * MB));
    assert.equal(await calls.write(OBJECT, bytes, PROPERTIES), undefined);
    assert.equal(bytes.length, 0);
    const object = memory.peek(A, at('k'), 0);
    assert.equal(object?.contentType, 'application/json');
    assert.equal(object.expiresAt, 60_000);
    assert.equal(memory.usedBytes, 5 * MB + COST);
    const admitted: number[] = [];
    const found = await calls.read(OBJECT, 5 * MB, async (length) => void admitted.push(length));
    assert.deepEqual(admitted, [5 * MB]);
    assert.equal(found?.contentType, 'application/json');
    assert.equal(found.bytes.toString(), 'x'.repeat(5 * MB));
    found.bytes.fill('y');
    assert.equal(textOf(memory.peek(A, at('k'), 0)), 'x'.repeat(5 * MB));
  });

  it('write no replicated object for which there is no room', async () => {
    const { memory, calls } = setup();
    const replicated = { ...PROPERTIES, persistence: 'replicated' } as const;
    await assert.rejects(calls.write(OBJECT, Buffer.alloc(5 * MB), replicated), refused(503, /are never evicted/));
    assert.equal(memory.usedBytes, 0);
    memory.resize(MB);
    assert.equal((await calls.write(OBJECT, Buffer.alloc(2 * MB), replicated))?.length, 2 * MB);
    assert.equal(memory.usedBytes, 0);
    assert.equal(await calls.write(OBJECT, Buffer.alloc(MB / 2), replicated), undefined);
    assert.equal(memory.keptBytes, MB / 2 + COST);
  });

  it('return the bytes of a write if there is no memory now, so that the caller can try again', async () => {
    const { memory, calls } = setup();
    memory.resize(MB);
    const bytes = await calls.write(OBJECT, Buffer.alloc(2 * MB, 'x'), PROPERTIES);
    assert.equal(bytes?.toString(), 'x'.repeat(2 * MB));
    assert.equal(memory.usedBytes, 0);
    memory.resize(10 * MB);
    assert.equal(await calls.write(OBJECT, bytes, PROPERTIES), undefined);
    assert.equal(memory.usedBytes, 2 * MB + COST);
  });

  it('use the buffer of a read again when it is released, and show nothing of the object before', async () => {
    const { memory, calls } = setup();
    put(memory, A, 'k', 'a'.repeat(MB));
    const first = await calls.read(OBJECT, MB, admitAll);
    assert.ok(first);
    first.release();
    assert.equal(first.bytes.length, 0);
    // A second call has no effect.
    first.release();
    put(memory, A, 'k', 'b'.repeat(MB - 10));
    const second = await calls.read(OBJECT, MB, admitAll);
    assert.equal(second?.bytes.buffer.byteLength, MB);
    assert.equal(second.bytes.toString(), 'b'.repeat(MB - 10));
  });

  it('copy bytes that are a part of a larger buffer', async () => {
    const { memory, calls } = setup();
    const bytes = Buffer.from('abcdef').subarray(2, 4);
    await calls.write(OBJECT, bytes, PROPERTIES);
    assert.equal(bytes.toString(), 'cd');
    assert.equal(textOf(memory.peek(A, at('k'), 0)), 'cd');
  });

  it('read an object that appends have made of many pieces', async () => {
    const { memory, calls } = setup();
    let text = '';
    for (let n = 0; n < 300; n++) {
      const reservation = memory.reserve(A, at('k'), 0, 0);
      const options = { condition: undefined, persistence: undefined, ttlMs: undefined, contentType: undefined };
      memory.append(A, at('k'), Buffer.from(`${n},`), options, reservation, 0);
      text += `${n},`;
    }
    assert.equal((await calls.read(OBJECT, MB, admitAll))?.bytes.toString(), text);
  });

  it('refuse as requests do: a missing object, a large one, the limit of a namespace', async () => {
    const { memory, calls, faults } = setup();
    await assert.rejects(calls.read(OBJECT, MB, admitAll), refused(404));
    put(memory, A, 'k', 2 * MB);
    await assert.rejects(
      calls.read(OBJECT, MB, admitAll),
      refused(413, /2097152 bytes, and there is room for 1048576/),
    );
    const small = { ...OBJECT, namespace: namespace('small', MB) };
    await assert.rejects(calls.write(small, Buffer.alloc(2 * MB), PROPERTIES), refused(429));
    assert.deepEqual(faults, []);
  });

  it('see the objects of their own namespace only', async () => {
    const { memory, calls } = setup();
    put(memory, A, 'k', 'secret');
    await assert.rejects(calls.read({ ...OBJECT, namespace: namespace('other') }, MB, admitAll), refused(404));
  });

  it('give the bytes back and read nothing if another invoker is the home', async () => {
    const { memory, calls } = setup({ locate: () => ELSEWHERE });
    put(memory, A, 'k', 'old');
    assert.equal(await calls.read(OBJECT, MB, admitAll), undefined);
    assert.equal((await calls.write(OBJECT, Buffer.from('new'), PROPERTIES))?.toString(), 'new');
    assert.equal(textOf(memory.peek(A, at('k'), 0)), 'old');
  });

  it('keep the memory of an object counted from the read until it is sent, or until nobody wants it', async () => {
    const { memory, calls } = setup();
    for (const outcome of ['sent', 'abandoned']) {
      put(memory, A, 'k', MB);
      const reading = calls.read(OBJECT, MB, async () => {
        put(memory, A, 'k', 'replaced');
        assert.equal(memory.usedBytes, MB + 'replaced'.length + 2 * COST);
        if (outcome === 'abandoned') throw new Error('no memory');
      });
      if (outcome === 'sent') assert.equal((await reading)?.bytes.length, MB);
      else await assert.rejects(reading, /no memory/);
      assert.equal(memory.usedBytes, 'replaced'.length + COST);
    }
  });

  it('do not keep an object for a reader that waits too long for memory', async () => {
    const { memory, calls } = setup({}, { holdMs: 1 });
    put(memory, A, 'k', MB);
    const reading = calls.read(OBJECT, MB, async () => {
      put(memory, A, 'k', '');
      while (memory.usedBytes > COST) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    await assert.rejects(reading, refused(503, /had no memory for the object in time/));
  });

  it('do not keep an object for a reader that has gone while it was looked for', async () => {
    let prepared = (): void => undefined;
    const waiting = new Promise<Prepared>((resolve) => (prepared = () => resolve('over')));
    const prepares = { asked: 0 };
    const { memory, calls } = setup({ prepare: () => (++prepares.asked === 1 ? waiting : undefined) }, {}, 1);
    put(memory, A, 'k', MB);
    await assert.rejects(calls.read(OBJECT, MB, admitAll), refused(503, /does not answer/));
    prepared();
    while (prepares.asked < 2) await new Promise(setImmediate);
    await new Promise(setImmediate);
    put(memory, A, 'k', 'replaced');
    assert.equal(memory.usedBytes, 'replaced'.length + COST);
  });

  it('count the bytes of a write while it waits, until its end', async () => {
    let located: ((location: Location) => void) | undefined;
    const locate = () => new Promise<Location>((resolve) => (located = resolve));
    let failure: Error | undefined;
    const { memory, calls } = setup({
      locate,
      owns: () => {
        if (failure) throw failure;
        return true;
      },
    });
    const here: Location = { kind: 'here', others: [] };
    for (const [location, fault, outcome, used] of [
      [ELSEWHERE, undefined, `${MB} bytes back`, 0],
      [here, new ObjectError(503, 'a fault'), 'a fault', 0],
      [here, undefined, 'written', MB + COST],
    ] as const) {
      failure = fault;
      const writing = calls.write(OBJECT, Buffer.alloc(MB), PROPERTIES).then(
        (back) => (back ? `${back.length} bytes back` : 'written'),
        (error: unknown) => (error instanceof Error ? error.message : ''),
      );
      await new Promise(setImmediate);
      assert.equal(memory.usedBytes, MB);
      // It is asked a second time when the memory is reserved.
      const write = { ended: false };
      void writing.then(() => (write.ended = true));
      while (!write.ended) {
        located?.(location);
        await new Promise(setImmediate);
      }
      assert.equal(await writing, outcome);
      assert.equal(memory.usedBytes, used);
    }
  });

  it('give bytes back while the home is not known, and refuse a read then', async () => {
    const { memory, calls } = setup({ locate: () => ({ kind: 'unknown', reason: 'invoker1 does not answer' }) });
    assert.equal((await calls.write(OBJECT, Buffer.alloc(MB), PROPERTIES))?.length, MB);
    await assert.rejects(calls.read(OBJECT, MB, admitAll), refused(503));
    assert.equal(memory.usedBytes, 0);
  });

  it('give bytes back for which another invoker may have memory', async () => {
    for (const locate of [() => ELSEWHERE, async () => ELSEWHERE]) {
      const { memory, calls } = setup({ locate });
      put(memory, A, 'other', 9 * MB);
      const before = memory.usedBytes;
      assert.equal((await calls.write(OBJECT, Buffer.alloc(20 * MB), PROPERTIES))?.length, 20 * MB);
      assert.equal(memory.usedBytes, before);
    }
  });

  it('do not answer a write before the object is as safe as its persistence promises', async () => {
    let settle = (): void => undefined;
    const safe = new Promise<void>((resolve) => (settle = resolve));
    const { memory, calls } = setup({ settle: () => safe });
    let written = false;
    const writing = calls.write(OBJECT, Buffer.from('x'), PROPERTIES).then(() => (written = true));
    while (!memory.peek(A, at('k'), 0)) await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.equal(written, false);
    settle();
    await writing;
    const failing = setup({ settle: () => Promise.reject(new ObjectError(503, 'the store is slow')) });
    await assert.rejects(failing.calls.write(OBJECT, Buffer.from('x'), PROPERTIES), refused(503, /the store is slow/));
  });

  it('refuse a persistence that the installation does not have, before anything is written', async () => {
    const { memory, calls } = setup({
      admit: (_, __, persistence) => {
        throw new ObjectError(503, `no ${persistence}`);
      },
    });
    await assert.rejects(
      calls.write(OBJECT, Buffer.from('x'), { ...PROPERTIES, persistence: 'stored' }),
      refused(503, /no stored/),
    );
    assert.equal(memory.peek(A, at('k'), 0), undefined);
  });

  it('wait until earlier changes are safe, and search for a missing object once', async () => {
    const asked: boolean[] = [];
    const { memory, calls } = setup({
      prepare: (owner, address, mayRecover) => {
        asked.push(mayRecover);
        if (memory.peek(owner, address, 0)) return undefined;
        return Promise.resolve().then((): Prepared => {
          put(memory, owner, address.key, 'from another invoker');
          return 'found';
        });
      },
    });
    assert.equal((await calls.read(OBJECT, MB, admitAll))?.bytes.toString(), 'from another invoker');
    assert.deepEqual(asked, [true, true]);
  });

  it('look again for a home that changed meanwhile, but not for ever', async () => {
    const owned = [false, true];
    const { memory, calls } = setup({ owns: () => owned.shift() ?? false });
    put(memory, A, 'k', 'here');
    assert.equal((await calls.read(OBJECT, MB, admitAll))?.bytes.toString(), 'here');
    await assert.rejects(calls.read(OBJECT, MB, admitAll), refused(503, /home of the color is changing/));
    const unknown = setup({ locate: () => ({ kind: 'unknown', reason: 'no controller answers' }) });
    await assert.rejects(unknown.calls.read(OBJECT, MB, admitAll), refused(503, /no controller answers/));
  });

  it('tell the invoker of a fault, and the caller only that there was one', async () => {
    const { calls, faults } = setup({
      owns: () => {
        throw new Error('a detail of the inside');
      },
    });
    await assert.rejects(calls.read(OBJECT, MB, admitAll), refused(500, /^There was an internal server error.$/));
    assert.equal(faults.length, 1);
  });

  it('end without a reply in time, and when the thread ends', async () => {
    const sent: string[] = [];
    const calls = new CallClient({ send: ({ kind }) => void sent.push(kind), replyMs: 1 });
    await assert.rejects(calls.read(OBJECT, MB, admitAll), refused(503, /does not answer/));
    assert.deepEqual(sent, ['read', 'abandon']);
    const patient = new CallClient({ send: () => undefined });
    const open = [patient.read(OBJECT, MB, admitAll), patient.write(OBJECT, Buffer.from('x'), PROPERTIES)].map((call) =>
      assert.rejects(call, refused(503, /does not answer/)),
    );
    patient.end();
    await Promise.all(open);
    await assert.rejects(patient.write(OBJECT, Buffer.from('x'), PROPERTIES), refused(503, /does not answer/));
    // A reply that comes too late has no effect.
    patient.replied({ id: 1, kind: 'written' });
  });

  it('end when the thread ends while a read waits for memory', async () => {
    const sent: string[] = [];
    const calls = new CallClient({ send: ({ kind }) => void sent.push(kind) });
    const reading = calls.read(OBJECT, MB, async () => calls.end());
    calls.replied({ id: 1, kind: 'found', length: 1, contentType: 'text/plain' });
    await assert.rejects(reading, refused(503, /does not answer/));
    assert.deepEqual(sent, ['read']);
  });
});
