import assert from 'node:assert/strict';
import { Waits } from '../../../../../invoker/objects/memory/Waits.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { A, at, B, newMemory, PLAIN } from './memories.js';

const refused = (status: number, text: string) => (error: unknown) =>
  error instanceof ObjectError && error.status === status && error.message === text && error.retryAfterS === 1;

const isOdd = (value: number): boolean => value % 2 === 1;

describe('Waits', () => {
  it('tell each request the first value that ends its wait, once', () => {
    const waits = new Waits<number>();
    const woken: [string, number][] = [];
    for (const name of ['a', 'b']) waits.add('guest', 'here', isOdd, (value) => woken.push([name, value]));
    waits.add('guest', 'there', isOdd, (value) => woken.push(['c', value]));
    waits.changed('here', 2);
    assert.deepEqual([woken, waits.size], [[], 3]);
    waits.changed('here', 3);
    waits.changed('here', 5);
    waits.changed('nowhere', 5);
    assert.deepEqual(woken, [
      ['a', 3],
      ['b', 3],
    ]);
    assert.equal(waits.size, 1);
    waits.changed('there', 7);
    assert.deepEqual([woken[2], waits.size], [['c', 7], 0]);
  });

  it('end one by one, without a call, and only once', () => {
    const waits = new Waits<number>();
    let woken = 0;
    const [first, second] = [0, 1].map(() => waits.add('guest', 'here', isOdd, () => woken++));
    first?.();
    first?.();
    assert.equal(waits.size, 1);
    waits.changed('here', 1);
    assert.deepEqual([woken, waits.size], [1, 0]);
    second?.();
    assert.equal(waits.size, 0);
  });

  it('let a woken request wait again, without a call for the same value', () => {
    const waits = new Waits<number>();
    let woken = 0;
    const again = (): void => {
      woken++;
      waits.add('guest', 'here', isOdd, again);
    };
    again();
    waits.changed('here', 1);
    assert.deepEqual([woken, waits.size], [2, 1]);
  });

  it('are bounded for one namespace and for all, and make room when they end', () => {
    const waits = new Waits<number>({ ofNamespace: 2, total: 3 });
    const add = (namespace: string) => waits.add(namespace, 'here', isOdd, () => undefined);
    const [first, second] = [add('a'), add('a')];
    assert.throws(() => add('a'), refused(429, 'The namespace has 2 waiting requests, the most for one.'));
    const third = add('b');
    assert.throws(() => add('b'), refused(503, 'Too many requests wait for objects of this invoker.'));
    assert.equal(waits.size, 3);
    first();
    const fourth = add('a');
    assert.throws(() => add('a'), refused(429, 'The namespace has 2 waiting requests, the most for one.'));
    for (const end of [second, third, fourth]) end();
    assert.equal(waits.size, 0);
    add('a');
    add('a');
    add('b');
    assert.equal(waits.size, 3);
  });

  it('have these bounds by default', () => {
    const waits = new Waits<number>();
    const add = (namespace: string) => waits.add(namespace, 'here', isOdd, () => undefined);
    for (const namespace of ['a', 'b', 'c', 'd']) for (let n = 0; n < 5000; n++) add(namespace);
    assert.throws(() => add('a'), refused(429, 'The namespace has 5000 waiting requests, the most for one.'));
    assert.throws(() => add('e'), refused(503, 'Too many requests wait for objects of this invoker.'));
  });

  it('of an object end by each kind of change, but not by changes of others', () => {
    const memory = newMemory();
    let woken = 0;
    for (let n = 0; n < 100; n++) memory.wait(A, at('k'), undefined, () => woken++);
    for (const [owner, address] of [
      [B, at('k')],
      [A, at('k', 'other')],
      [A, at('other')],
    ] as const) {
      memory.increment(owner, address, 1, PLAIN, 0);
    }
    assert.equal(woken, 0);
    memory.increment(A, at('k'), 1, PLAIN, 0);
    assert.deepEqual([woken, memory.counts().waits], [100, 0]);
  });
});
