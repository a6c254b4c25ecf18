import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { askedStore } from '../../../../../invoker/objects/questions/askedStore.js';
import { answerQuestion, Asker, type Answers } from '../../../../../invoker/objects/questions/questions.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { A, at, MB, refused } from '../memory/memories.js';

const ASKED = {
  kind: 'list',
  color: 'c',
  policy: undefined,
  prefix: '',
  after: undefined,
  limit: 10,
} as const;

/** A store that the worker asks. Messages are copied, as between threads. */
function storeWith(answer: () => Promise<never>) {
  const answers: Answers = {
    homes: answer,
    invokers: answer,
    keys: answer,
    list: answer,
    read: answer,
    write: answer,
    remove: answer,
  };
  const asker: Asker = new Asker((question) => {
    void answerQuestion(answers, structuredClone(question)).then((reply) => asker.answered(structuredClone(reply)));
  });
  return askedStore(asker);
}

describe('the store of the main thread', () => {
  it('refuses with its own status, and without a time for another try if it names none', async () => {
    for (const [status, retryAfterS] of [
      [413, undefined],
      [503, 5],
    ] as const) {
      const refusal = new ObjectError(status, 'no', retryAfterS === undefined ? {} : { retryAfterS });
      const store = storeWith(() => Promise.reject(refusal));
      for (const asking of [store.list(A, ASKED), store.keys(A, 'c'), store.read(A, at('k'), 1)]) {
        await assert.rejects(asking, (error) => {
          assert.ok(error instanceof ObjectError);
          assert.deepEqual([error.status, error.message, error.retryAfterS], [status, 'no', retryAfterS]);
          return true;
        });
      }
    }
  });

  it('may work again soon after a fault', async () => {
    const store = storeWith(() => Promise.reject(new Error('the disk is full')));
    await assert.rejects(store.remove(A, at('k'), 1), (error) => {
      assert.ok(error instanceof ObjectError);
      const { status, message, retryAfterS } = error;
      assert.deepEqual([status, message, retryAfterS], [503, 'The store does not work: the disk is full', 1]);
      return true;
    });
  });

  it('has more time to write a large object, and a limit in any case', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const store = storeWith(() => new Promise(() => undefined));
      const object = (bytes: number) => ({
        bytes: ObjectBytes.of(Buffer.alloc(bytes)),
        contentType: 'text/plain',
        etag: '"e"',
        ttlMs: undefined,
      });
      const ended: string[] = [];
      const asking = (name: string, work: Promise<unknown>): Promise<unknown> =>
        assert.rejects(work, refused(503, /no answer within/)).then(() => ended.push(name));
      const all = [
        asking('small', store.write(A, at('k'), object(0), 1)),
        asking('large', store.write(A, at('l'), object(4 * MB), 1)),
        asking('read', store.read(A, at('k'), 1)),
      ];
      const after = async (ms: number): Promise<string[]> => {
        mock.timers.tick(ms);
        await new Promise(setImmediate);
        return [...ended];
      };
      assert.deepEqual(await after(10_000), ['small']);
      assert.deepEqual(await after(1024), ['small', 'large']);
      assert.deepEqual(await after(18_976), ['small', 'large', 'read']);
      await Promise.all(all);
    } finally {
      mock.timers.reset();
    }
  });
});
