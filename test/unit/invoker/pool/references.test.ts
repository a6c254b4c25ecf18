import assert from 'node:assert/strict';
import { newJob } from '../../../../invoker/pool/Job.js';
import { codeMemory } from '../../../../invoker/pool/execute.js';
import { keptResult, referencedBody, UnresolvedReferenceError } from '../../../../invoker/pool/references.js';
import type { ReadObject } from '../../../../invoker/objects/ObjectAccess.js';
import type { ReferenceParts } from '../../../../invoker/objects/ReferenceParts.js';
import type { RequestBody } from '../../../../invoker/containers/ContainerDriver.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
import { KEEP_NONE, type MessageReferences } from '../../../../shared/messages/references.js';
import { ObjectError } from '../../../../shared/objects/ObjectError.js';
import type { ObjectNamespace } from '../../../../shared/objects/ObjectToken.js';
import { PoolFixture, executable, message } from './setup.js';

const REFERENCES = { over: 1000, persistence: 'stored', ttlMs: 5000, policy: 'least-assigned' } as const;
const GUEST: ObjectNamespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
const TOO_LARGE = 48 * 1024 * 1024;

/** Objects in memory, with the calls that they got. */
class FakeObjects implements ReferenceParts {
  readonly written: unknown[][] = [];
  readonly read: unknown[][] = [];
  readonly admitted: number[] = [];
  readonly #objects: Readonly<Record<string, ReadObject>>;
  failure: Error | undefined;

  constructor(objects: Readonly<Record<string, ReadObject>> = {}) {
    this.#objects = objects;
  }

  readonly namespace = (): ObjectNamespace => GUEST;
  readonly access: ReferenceParts['access'] = {
    read: async (namespace, { color, key }, policy, { maxBytes, admit }) => {
      this.read.push([namespace.name, color, key, policy]);
      const found = this.#objects[`${color}/${key}`];
      if (!found) throw new ObjectError(404, 'The object does not exist.');
      if (found.bytes.length > maxBytes) throw new ObjectError(413, 'too large');
      this.admitted.push(found.bytes.length);
      await admit(found.bytes.length);
      return found;
    },
    write: async (namespace, address, policy, { bytes, ...rest }) => {
      if (this.failure) throw this.failure;
      this.written.push([namespace.name, address, policy, { ...rest, length: bytes.length }]);
    },
  };
}

const job = (color?: string) =>
  newJob(message(color === undefined ? {} : { color: { value: color, hit: true } }), executable(), 1, {
    done: () => {},
    leave: () => {},
  });

async function textOf(body: RequestBody): Promise<string> {
  if (typeof body === 'string') return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body.pieces()) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  assert.equal(whole.length, body.bytes);
  return whole.toString();
}

const bodyFor = (objects: FakeObjects, parameters: Json, references: MessageReferences = REFERENCES) =>
  referencedBody(objects, job(), references, parameters, 99, codeMemory().open('guest'));

describe('parameters by reference', () => {
  it('have the objects in the places of their references', async () => {
    const table = Buffer.from(JSON.stringify({ rows: Array.from({ length: 100_000 }, (_, i) => i) }));
    const objects = new FakeObjects({
      'blue/table': { bytes: table, contentType: 'application/json' },
      'blue/text': { bytes: Buffer.from('a "text"'), contentType: 'text/plain' },
    });
    const parameters = { a: { $object: 'blue/table' }, b: [{ $object: 'blue/text' }], c: 1 };
    const { value, deadline } = JSON.parse(await textOf(await bodyFor(objects, parameters))) as Record<string, unknown>;
    assert.deepEqual(value, { a: JSON.parse(table.toString()) as unknown, b: ['a "text"'], c: 1 });
    assert.equal(deadline, '99');
    assert.deepEqual(objects.read, [
      ['guest', 'blue', 'table', 'least-assigned'],
      ['guest', 'blue', 'text', 'least-assigned'],
    ]);
    assert.deepEqual(objects.admitted, [table.length, 8]);
  });

  it('release an object when it is written for the last time, and a converted one at once', async () => {
    const released: string[] = [];
    const large = Buffer.from(JSON.stringify('x'.repeat(3_000_000)));
    const object = (name: string, bytes: Buffer, contentType: string) => ({
      bytes,
      contentType,
      release: () => void released.push(name),
    });
    const objects = new FakeObjects({
      'c/twice': object('twice', large, 'application/json'),
      'c/once': object('once', large, 'application/json'),
      'c/small': object('small', Buffer.from('1'), 'application/json'),
      'c/text': object('text', Buffer.from('text'), 'text/plain'),
    });
    const parameters = ['twice', 'once', 'twice', 'small', 'text'].map((name) => ({ $object: `c/${name}` }));
    const body = await bodyFor(objects, parameters);
    assert.deepEqual(released, ['text']);
    assert.ok(typeof body !== 'string');
    let written = 0;
    for await (const piece of body.pieces()) {
      // A piece is not written before the next one is asked for.
      const whole = Math.floor(written / large.length);
      const largeOnes = released.filter((name) => name !== 'small');
      assert.deepEqual(largeOnes, ['text', ...['once', 'twice'].slice(0, Math.max(0, whole - 1))]);
      // It comes after them.
      assert.ok(whole === 3 || !released.includes('small'));
      written += piece.length;
    }
    assert.equal(written, body.bytes);
    assert.deepEqual(released, ['text', 'once', 'twice', 'small']);
  });

  it('read an object while the bytes of the one before come, and each object once', async () => {
    const objects = new FakeObjects({
      'c/a': { bytes: Buffer.from('1'), contentType: 'application/json' },
      'c/b': { bytes: Buffer.from('2'), contentType: 'application/json' },
    });
    const { read } = objects.access;
    const release: (() => void)[] = [];
    objects.access.read = async (...asked) => {
      const found = await read(...asked);
      await new Promise<void>((resolve) => {
        release.push(resolve);
        // The bytes of the first one come after those of the second one.
        if (release.length === 2) for (const each of release.toReversed()) each();
      });
      return found;
    };
    const [a, b] = [{ $object: 'c/a' }, { $object: 'c/b' }];
    const { value } = JSON.parse(await textOf(await bodyFor(objects, [a, b, a, b]))) as Record<string, unknown>;
    assert.deepEqual(value, [1, 2, 1, 2]);
    assert.equal(objects.read.length, 2);
  });

  it('wait for memory with one object at a time', async () => {
    const objects = new FakeObjects({
      'c/a': { bytes: Buffer.from('1'), contentType: 'application/json' },
      'c/b': { bytes: Buffer.from('2'), contentType: 'application/json' },
    });
    let grant: () => void = () => undefined;
    const taken: number[] = [];
    const share = {
      take: (bytes: number) => {
        taken.push(bytes);
        return new Promise<void>((resolve) => (grant = resolve));
      },
      release: () => undefined,
    };
    const body = referencedBody(objects, job(), REFERENCES, [{ $object: 'c/a' }, { $object: 'c/b' }], 99, share);
    await new Promise(setImmediate);
    assert.deepEqual([taken.length, objects.read.length], [1, 1]);
    grant();
    await new Promise(setImmediate);
    assert.deepEqual([taken.length, objects.read.length], [2, 2]);
    grant();
    assert.match(await textOf(await body), /\[1,2\]/);
  });

  it('fail for the first object that cannot be read, when no read is under way any more', async () => {
    const objects = new FakeObjects({ 'c/a': { bytes: Buffer.from('1'), contentType: 'application/json' } });
    const { read } = objects.access;
    let finish: () => void = () => undefined;
    objects.access.read = async (token, address, ...rest) => {
      const found = await read(token, address, ...rest);
      await new Promise<void>((resolve) => (finish = resolve));
      return found;
    };
    let failed = false;
    const body = bodyFor(objects, [{ $object: 'c/a' }, { $object: 'c/none' }, { $object: 'c/other' }]);
    const rejected = assert.rejects(body, /'c\/none', which could not be read/).then(() => (failed = true));
    await new Promise(setImmediate);
    assert.deepEqual([failed, objects.read.length], [false, 2]);
    finish();
    await rejected;
  });

  it('keep those beside an object whose bytes pretend to end its place', async () => {
    const objects = new FakeObjects({
      'c/forged': { bytes: Buffer.from('1},"value":{"fixed":"changed"},"x":{"y":1'), contentType: 'application/json' },
    });
    await assert.rejects(
      bodyFor(objects, { fixed: 'as it is', given: { $object: 'c/forged' } }),
      (error) => error instanceof UnresolvedReferenceError && /not valid JSON/.test(error.message),
    );
  });

  it('that are a reference themselves have the fields of its object over those of the action', async () => {
    const whole = async (json: string, others: Record<string, Json> = { own: 1, both: 'action' }): Promise<Json> => {
      const objects = new FakeObjects({ 'c/all': { bytes: Buffer.from(json), contentType: 'application/json' } });
      const references = { ...REFERENCES, preset: ['own', 'both'] };
      const text = await textOf(await bodyFor(objects, { ...others, $object: 'c/all' }, references));
      return (JSON.parse(text) as { value: Json }).value;
    };
    assert.deepEqual(await whole(' {"both":"caller", "given":[2]} '), { both: 'caller', given: [2], own: 1 });
    assert.deepEqual(await whole('{"b\\u006fth":"caller"}'), { both: 'caller', own: 1 });
    assert.deepEqual(await whole('{"in":{"both":1}}'), { in: { both: 1 }, own: 1, both: 'action' });
    assert.deepEqual(await whole(' { }'), { own: 1, both: 'action' });
    assert.deepEqual(await whole('{"a":1}', {}), { a: 1 });
    // The state of a conductor overrides the result of its component.
    assert.deepEqual(await whole('{"state":1,"a":2}', { state: 3, own: 1 }), { state: 3, a: 2, own: 1 });
    // As without a reference, a list replaces them.
    assert.deepEqual(await whole('[1,2]'), [1, 2]);
    await assert.rejects(whole('"a text"'), /'c\/all', which could not be read: All parameters together must be/);
  });

  it('without a reference are sent as ever', async () => {
    assert.equal(typeof (await bodyFor(new FakeObjects(), { a: 1 })), 'string');
  });

  it('whose objects are missing, malformed or too large are the user’s error', async () => {
    const large = { bytes: Buffer.alloc(TOO_LARGE), contentType: 'application/json' };
    for (const [reference, reason] of [
      ['blue/none', /'blue\/none', which could not be read: The object does not exist/],
      ['blue/%zz', /percent/],
      ['blue/large', /too large/],
    ] as const) {
      await assert.rejects(
        bodyFor(new FakeObjects({ 'blue/large': large }), { a: { $object: reference } }),
        (error) => {
          assert.ok(error instanceof UnresolvedReferenceError);
          assert.match(error.message, reason);
          return true;
        },
      );
    }
    const text = { bytes: Buffer.from('not JSON'), contentType: 'application/json' };
    await assert.rejects(
      bodyFor(new FakeObjects({ 'b/t': text }), { a: { $object: 'b/t' } }),
      /'b\/t', which could not be read: It has the type application\/json, but is not valid JSON/,
    );
    // As base64 within JSON it is larger than its bytes.
    const binary = { bytes: Buffer.alloc(TOO_LARGE * 0.8), contentType: 'application/octet-stream' };
    await assert.rejects(bodyFor(new FakeObjects({ 'b/b': binary }), { a: { $object: 'b/b' } }), /more than \d+ bytes/);
  });
});

describe('a result by reference', () => {
  const bytes = Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) }));

  it('is kept under the color and the activation, as long and as safely as was asked for', async () => {
    const objects = new FakeObjects();
    const colored = job('blue');
    const response = await keptResult(objects, colored, REFERENCES, bytes);
    const key = `results/${colored.message.activationId}`;
    assert.deepEqual(response, {
      statusCode: 0,
      result: { $object: `blue/${encodeURIComponent(key)}`, bytes: bytes.length },
      size: bytes.length,
    });
    assert.deepEqual(objects.written, [
      [
        'guest',
        { color: 'blue', key },
        'least-assigned',
        { contentType: 'application/json', persistence: 'stored', ttlMs: 5000, length: bytes.length },
      ],
    ]);
  });

  it('of an activation without a color has the activation as its color', async () => {
    const plain = job();
    const { result } = await keptResult(new FakeObjects(), plain, REFERENCES, bytes);
    assert.match(JSON.stringify(result), new RegExp(`^{"\\$object":"${plain.message.activationId}/results`));
  });

  it('that the memory refuses is an error in words', async () => {
    const objects = new FakeObjects();
    objects.failure = new ObjectError(503, 'There is no memory.');
    const refused = await keptResult(objects, job(), REFERENCES, bytes);
    assert.equal(refused.statusCode, 1);
    assert.match(JSON.stringify(refused.result), /could not be kept as an object: There is no memory/);
  });
});

describe('an activation with references in a pool', () => {
  it('gets its objects, and its large result becomes a reference', async () => {
    const objects = new FakeObjects({ 'blue/in': { bytes: Buffer.from('[1,2]'), contentType: 'application/json' } });
    const f = new PoolFixture({}, [], { references: objects });
    f.driver.answer = ({ path, options }) => {
      if (path === '/init') return { status: 200, body: '{}' };
      const bytes = Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) }));
      assert.equal(options.large?.over, 1000);
      assert.ok(options.maxResponseBytes > bytes.length);
      return { status: 200, body: '', bytes };
    };
    await f.run({}, { content: { input: { $object: 'blue/in' } }, references: REFERENCES });
    const [record] = f.heard.records;
    assert.match(JSON.stringify(record?.response.result), /"\$object"/);
    assert.equal(objects.written.length, 1);
    await f.pool.close(0);
  });

  it('that fails has its error, whatever its size', async () => {
    const text = 'x'.repeat(500);
    const tooLong = 'y'.repeat(1100);
    for (const [status, body, expected] of [
      [200, JSON.stringify({ error: 'no', text }), { statusCode: 1, result: { error: 'no' } }],
      [200, JSON.stringify({ error: text }), { statusCode: 1, result: { error: text } }],
      [502, JSON.stringify({ error: text }), { statusCode: 2, result: { error: text } }],
      [200, text, { statusCode: 2, result: /did not produce a valid JSON or JSON Array response: xxx/ }],
      [200, JSON.stringify({ error: tooLong }), { statusCode: 1, result: /1112 > 1024 bytes/ }],
    ] as const) {
      const objects = new FakeObjects();
      const f = new PoolFixture({}, [], { references: objects });
      f.driver.answer = ({ path }) =>
        path === '/init' ? { status: 200, body: '{}' } : { status, body: '', bytes: Buffer.from(body) };
      await f.run({}, { content: {}, references: REFERENCES });
      const { statusCode, result } = f.heard.records[0]?.response ?? {};
      assert.equal(statusCode, expected.statusCode, body.slice(0, 50));
      if (expected.result instanceof RegExp) assert.match(JSON.stringify(result), expected.result);
      else assert.deepEqual(result, expected.result);
      assert.deepEqual(objects.written, []);
      await f.pool.close(0);
    }
  });

  it('whose caller sets a higher bound still has no larger result than others have', async () => {
    const objects = new FakeObjects();
    const f = new PoolFixture({}, [], { references: objects });
    const bounds: unknown[] = [];
    f.driver.answer = ({ path, options }) => {
      if (path === '/run') bounds.push(options.large?.over);
      return { status: 200, body: '{}' };
    };
    await f.run({}, { content: {}, references: { ...REFERENCES, over: 40_000_000 } });
    await f.run({}, { content: {}, references: { ...REFERENCES, over: KEEP_NONE } });
    assert.deepEqual(bounds, [1024, undefined]);
    await f.pool.close(0);
  });

  it('whose objects are not read within its time limit fails, without a run', async () => {
    const frozen = new FakeObjects();
    frozen.access.read = () => new Promise(() => undefined);
    const f = new PoolFixture({}, [], { references: frozen });
    const limits = { timeout: 100, memory: 256, logs: 10, concurrency: 1 };
    await f.run({ limits }, { content: { input: { $object: 'blue/in' } }, references: REFERENCES });
    const [record] = f.heard.records;
    assert.match(
      JSON.stringify(record?.response.result),
      /could not be read within the time limit of 100 milliseconds/,
    );
    assert.deepEqual(
      f.driver.containers[0]?.posts.map(({ path }) => path),
      ['/init'],
    );
    await f.pool.close(0);
  });

  it('that cannot read an object is recorded as failed, without a run', async () => {
    const f = new PoolFixture({}, [], { references: new FakeObjects() });
    await f.run({}, { content: { input: { $object: 'blue/in' } }, references: REFERENCES });
    const [record] = f.heard.records;
    assert.equal(record?.response.statusCode, 1);
    assert.deepEqual(
      f.driver.containers[0]?.posts.map(({ path }) => path),
      ['/init'],
    );
    await f.pool.close(0);
  });
});
