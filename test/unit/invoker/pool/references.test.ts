import assert from 'node:assert/strict';
import { newJob } from '../../../../invoker/pool/Job.js';
import { codeMemory } from '../../../../invoker/pool/execute.js';
import { keptResult, referencedBody, UnresolvedReferenceError } from '../../../../invoker/pool/references.js';
import type { ReadObject } from '../../../../invoker/objects/ObjectAccess.js';
import type { ReferenceParts } from '../../../../invoker/objects/ReferenceParts.js';
import type { RequestBody } from '../../../../invoker/containers/ContainerDriver.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
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

const bodyFor = (objects: FakeObjects, parameters: Json): Promise<RequestBody> =>
  referencedBody(objects, job(), REFERENCES, parameters, 99, codeMemory().open('guest'));

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
    // As base64 within JSON it is larger than its bytes.
    const binary = { bytes: Buffer.alloc(TOO_LARGE * 0.8), contentType: 'application/octet-stream' };
    await assert.rejects(bodyFor(new FakeObjects({ 'b/b': binary }), { a: { $object: 'b/b' } }), /more than \d+ bytes/);
  });
});

describe('a result by reference', () => {
  const bytes = Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) }));
  const answer = (over: object = {}) => ({ status: 200, body: '', bytes, ...over });

  it('is kept under the color and the activation, as long and as safely as was asked for', async () => {
    const objects = new FakeObjects();
    const colored = job('blue');
    const response = await keptResult(objects, colored, REFERENCES, answer());
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
    const { result } = await keptResult(new FakeObjects(), plain, REFERENCES, answer());
    assert.match(JSON.stringify(result), new RegExp(`^{"\\$object":"${plain.message.activationId}/results`));
  });

  it('that is not JSON, or that the memory refuses, is an error in words', async () => {
    const objects = new FakeObjects();
    const invalid = await keptResult(objects, job(), REFERENCES, answer({ bytes: Buffer.from('x'.repeat(2000)) }));
    assert.match(JSON.stringify(invalid.result), /did not produce a valid JSON response of 2000 bytes/);
    objects.failure = new ObjectError(503, 'There is no memory.');
    const refused = await keptResult(objects, job(), REFERENCES, answer());
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
