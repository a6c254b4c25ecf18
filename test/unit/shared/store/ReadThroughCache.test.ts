import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ReadThroughCache } from '../../../../shared/store/ReadThroughCache.js';

/** A promise and what settles it. */
function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function cacheOf(maxWeight = 100, maxAgeMs = 1000) {
  const clock = { now: 0 };
  const cache = new ReadThroughCache<string>({ maxWeight, weigh: (v) => v.length, maxAgeMs, now: () => clock.now });
  return { cache, clock };
}

describe('ReadThroughCache', () => {
  it('reads an entry once for many requests, at once or later', async () => {
    const { cache } = cacheOf();
    let reads = 0;
    const load = async (): Promise<string> => `v${++reads}`;
    assert.deepEqual(await Promise.all([cache.get('k', load), cache.get('k', load)]), ['v1', 'v1']);
    assert.equal(await cache.get('k', load), 'v1');
    assert.equal(reads, 1);
  });

  it('keeps neither missing entries nor failures', async () => {
    const { cache } = cacheOf();
    assert.equal(await cache.get('k', async () => undefined), undefined);
    await assert.rejects(
      cache.get('k', async () => {
        throw new Error('away');
      }),
    );
    assert.equal(await cache.get('k', async () => 'there'), 'there');
  });

  it('forgets the least recently used entry when it is full, and old entries', async () => {
    const { cache, clock } = cacheOf(6);
    for (const key of ['a', 'b', 'c']) await cache.get(key, async () => `${key}${key}`);
    cache.peek('a');
    await cache.get('d', async () => 'dd');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => cache.peek(key)),
      ['aa', undefined, 'cc', 'dd'],
    );
    await cache.get('large', async () => 'too large');
    assert.equal(cache.peek('large'), undefined);
    clock.now = 1000;
    assert.equal(cache.peek('a'), 'aa');
    clock.now = 1001;
    assert.equal(cache.peek('a'), undefined);
  });

  it('counts the age of a value from when it was read', async () => {
    const { cache, clock } = cacheOf();
    clock.now = 5000;
    await cache.get('k', async () => 'v');
    clock.now = 6000;
    assert.equal(cache.peek('k'), 'v');
  });

  it('does not keep a read during which a change was reported', async () => {
    const { cache } = cacheOf();
    const old = deferred<string>();
    const reading = cache.get('k', () => old.promise);
    cache.invalidate('k');
    const fresh = cache.get('k', async () => 'new');
    old.resolve('old');
    assert.equal(await reading, 'old');
    assert.equal(await fresh, 'new');
    assert.equal(cache.peek('k'), 'new');
  });

  it('keeps the value of a write, and not of a read during it', async () => {
    const { cache } = cacheOf();
    const [read, write] = [deferred<string>(), deferred<string>()];
    const before = cache.get('k', () => read.promise);
    const writing = cache.write('k', () => write.promise);
    const during = await cache.get('k', async () => 'old');
    assert.equal(during, 'old');
    assert.equal(cache.peek('k'), undefined);
    write.resolve('new');
    await writing;
    read.resolve('old');
    await before;
    assert.equal(cache.peek('k'), 'new');
  });

  it('keeps nothing of a write that failed or was followed by a change elsewhere', async () => {
    const { cache } = cacheOf();
    await cache.get('k', async () => 'old');
    await assert.rejects(cache.write('k', () => Promise.reject(new Error('conflict'))));
    assert.equal(cache.peek('k'), undefined);
    const write = deferred<string>();
    const writing = cache.write('k', () => write.promise);
    cache.invalidate('k');
    write.resolve('mine');
    await writing;
    assert.equal(cache.peek('k'), undefined);
  });

  it('keeps nothing if two writes overlapped: only the store knows which one was last', async () => {
    const { cache } = cacheOf();
    const [first, second] = [deferred<string>(), deferred<string>()];
    const writing = [cache.write('k', () => first.promise), cache.write('k', () => second.promise)];
    second.resolve('second');
    await writing[1];
    first.resolve('first');
    await writing[0];
    assert.equal(cache.peek('k'), undefined);
  });

  it('keeps nothing that was read during a write which another change displaced', async () => {
    const { cache } = cacheOf();
    const write = deferred<string>();
    const writing = cache.write('k', () => write.promise);
    cache.invalidate('k');
    await cache.get('k', async () => 'before the write');
    assert.equal(cache.peek('k'), 'before the write');
    write.resolve('written');
    await writing;
    assert.equal(cache.peek('k'), undefined);
  });

  describe('with a store that does not answer', () => {
    const stale = {
      maxAgeMs: 5000,
      patienceMs: 20,
      isUnavailable: (error: unknown) => String(error) === 'Error: away',
    };
    const fail = (message: string) => (): Promise<string> => Promise.reject(new Error(message));
    let clock: { now: number };
    let cache: ReadThroughCache<string>;
    beforeEach(async () => {
      clock = { now: 0 };
      cache = new ReadThroughCache({
        maxWeight: 100,
        weigh: (v) => v.length,
        maxAgeMs: 1000,
        stale,
        now: () => clock.now,
      });
      await cache.get('k', async () => 'known');
      clock.now = 2000;
    });

    it('gives out the stale value, and the new one when it answers', async () => {
      assert.equal(await cache.get('k', fail('away')), 'known');
      assert.equal(await cache.refresh('k', fail('away')), 'known');
      assert.equal(await cache.get('k', async () => 'new'), 'new');
    });

    it('does not wait for long for a store that is frozen, nor asks it twice', async () => {
      let reads = 0;
      const never = (): Promise<string> => {
        reads++;
        return new Promise(() => {});
      };
      assert.deepEqual(await Promise.all([cache.get('k', never), cache.get('k', never)]), ['known', 'known']);
      assert.equal(reads, 1);
    });

    it('lets a later request wait for the rest of the patience only', async () => {
      cache = new ReadThroughCache({
        maxWeight: 100,
        weigh: (v) => v.length,
        maxAgeMs: 100,
        stale: { ...stale, maxAgeMs: 60_000, patienceMs: 3000 },
        now: () => clock.now,
      });
      await cache.get('k', async () => 'known');
      clock.now = 10_000;
      const read = deferred<string>();
      const first = cache.get('k', () => read.promise);
      clock.now = 12_999;
      assert.equal(await cache.get('k', fail('not asked twice')), 'known');
      read.resolve('new');
      assert.equal(await first, 'new', 'the first one still had patience');
    });

    it('bounds the age of the stale value, and passes on every other error', async () => {
      await assert.rejects(cache.get('k', fail('forbidden')), { message: 'forbidden' });
      clock.now = 5000;
      assert.equal(await cache.get('k', fail('away')), 'known');
      clock.now = 5001;
      await assert.rejects(cache.get('k', fail('away')), { message: 'away' });
    });

    it('never gives out an entry that has changed or is gone', async () => {
      cache.invalidate('k');
      await assert.rejects(cache.get('k', fail('away')), { message: 'away' });
      await cache.get('gone', async () => 'known');
      await cache.reload('gone', async () => undefined);
      await assert.rejects(cache.get('gone', fail('away')), { message: 'away' });
    });
  });

  it('never holds a stale value once all is quiet, whatever overlaps (property)', async () => {
    const step = fc.oneof(
      fc.constantFrom('read', 'reload', 'write', 'change elsewhere').map((kind) => ({ kind, which: 0 })),
      fc.nat(20).map((which) => ({ kind: 'proceed', which })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { cache } = cacheOf();
        let stored = 0;
        const running: Operation[] = [];
        const all: Promise<unknown>[] = [];
        /** Takes effect and is answered when the test says so. */
        const start = (act: () => string): Promise<string> => {
          const operation = new Operation(act);
          running.push(operation);
          return operation.answer;
        };
        const write = (): Promise<string> => {
          const base = stored;
          return start(() => {
            if (stored !== base) throw new Error('conflict');
            return `v${++stored}`;
          });
        };
        const proceed = (which: number): void => {
          if (running[which]?.proceed()) running.splice(which, 1);
        };
        for (const { kind, which } of steps) {
          if (kind === 'read') all.push(cache.get('k', () => start(() => `v${stored}`)));
          else if (kind === 'reload') all.push(cache.reload('k', () => start(() => `v${stored}`)));
          else if (kind === 'write') all.push(cache.write('k', write).catch(() => {}));
          else if (kind === 'proceed') proceed(running.length === 0 ? 0 : which % running.length);
          else {
            stored++;
            cache.invalidate('k');
          }
          await new Promise(setImmediate);
        }
        while (running.length > 0) proceed(0);
        await Promise.all(all);
        const cached = cache.peek('k');
        assert.ok(cached === undefined || cached === `v${stored}`, `${cached} is kept, v${stored} is stored`);
      }),
      { numRuns: 500 },
    );
  });
});

/** A look at the store or a change of it: first it takes effect, later it is answered. */
class Operation {
  readonly #act: () => string;
  readonly #gate = deferred<string>();
  #outcome: (() => void) | undefined;

  constructor(act: () => string) {
    this.#act = act;
  }

  get answer(): Promise<string> {
    return this.#gate.promise;
  }

  /** Whether it is answered now. */
  proceed(): boolean {
    if (this.#outcome) {
      this.#outcome();
      return true;
    }
    try {
      const value = this.#act();
      this.#outcome = () => this.#gate.resolve(value);
    } catch (error) {
      this.#outcome = () => this.#gate.reject(error as Error);
    }
    return false;
  }
}
