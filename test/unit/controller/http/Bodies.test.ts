import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { EventEmitter, once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import type { ApiError } from '../../../../controller/http/ApiError.js';
import { Bodies } from '../../../../controller/http/Bodies.js';
import { BodyMemory } from '../../../../controller/http/BodyMemory.js';
import type { Share } from '../../../../shared/process/MemoryShares.js';

/** A request with these headers, whose body comes in these pieces. */
function request(headers: Record<string, string>, ...pieces: (string | Buffer)[]): IncomingMessage {
  const stream = new PassThrough();
  for (const piece of pieces) stream.write(piece);
  stream.end();
  return Object.assign(stream, { headers }) as unknown as IncomingMessage;
}
const bodies = new Bodies();
const json = { 'content-type': 'application/json' };
const chunked = { 'transfer-encoding': 'chunked' };

describe('Bodies.read', () => {
  it('puts the pieces together', async () => {
    assert.equal((await bodies.read(request({}, 'a', 'b', 'c'))).toString(), 'abc');
    assert.equal((await bodies.read(request({}))).length, 0);
  });

  it('refuses a length over the limit, announced or received', async () => {
    const error = { status: 413, message: 'Request larger than allowed: 5 > 4 bytes.' };
    await assert.rejects(bodies.read(request({ 'content-length': '5' }), 4), error);
    await assert.rejects(bodies.read(request(chunked, 'abc', 'de'), 4), error);
    assert.equal((await bodies.read(request(chunked, 'ab', 'cd'), 4)).length, 4);
  });

  it('says that a request broke off', async () => {
    const broken = request(chunked, 'a');
    const read = bodies.read(broken);
    broken.emit('error', new Error('reset'));
    await assert.rejects(read, { status: 400 });
  });
});

describe('Bodies.json', () => {
  it('needs a body, of type JSON', async () => {
    assert.deepEqual(await bodies.json(request({ ...json, ...chunked }, '[1]')), [1]);
    await assert.rejects(bodies.json(request(json)), {
      status: 400,
      message: 'Request entity expected but not supplied',
    });
    await assert.rejects(bodies.json(request({ 'content-type': 'Text/Plain', ...chunked }, '1')), { status: 415 });
    await assert.rejects(bodies.json(request(chunked, '1')), { status: 415 });
  });

  it('decodes the charset of the content type, and UTF-8 for an unknown or missing one', async () => {
    const latin1 = Buffer.from('"\u00e9"', 'latin1');
    const typed = (charset: string) => ({ 'content-type': `application/json; charset=${charset}`, ...chunked });
    assert.equal(await bodies.json(request(typed('ISO-8859-1'), latin1)), '\u00e9');
    assert.equal(await bodies.json(request(typed('"utf-8"'), '"\u00e9"')), '\u00e9');
    assert.equal(await bodies.json(request(typed('nonsense'), '"\u00e9"')), '\u00e9');
  });
});

describe('Bodies.jsonObject', () => {
  it('takes no body for an empty object, and nothing but objects', async () => {
    assert.deepEqual(await bodies.jsonObject(request({})), {});
    assert.deepEqual(await bodies.jsonObject(request({ ...json, ...chunked }, '{"a":', '1}')), { a: 1 });
    for (const text of ['[]', '"x"', 'null', '1']) {
      await assert.rejects(bodies.jsonObject(request({ ...json, ...chunked }, text)), {
        status: 400,
        message: 'The request content was malformed:\nJSON object expected',
      });
    }
  });

  it('minds the size before the type', async () => {
    await assert.rejects(bodies.jsonObject(request({ 'content-type': 'text/plain', ...chunked }, 'abcde'), 4), {
      status: 413,
    });
  });
});

describe('Bodies, for large bodies', () => {
  const MB = 1024 * 1024;
  const CHUNK = 64 * 1024;
  /** A request whose body is this, in pieces of the size that sockets give. */
  const large = (body: string | Buffer, headers: Record<string, string> = { ...json, ...chunked }): IncomingMessage => {
    const bytes = Buffer.from(body);
    const pieces = Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, i) =>
      bytes.subarray(i * CHUNK, (i + 1) * CHUNK),
    );
    return Object.assign(Readable.from(pieces, { objectMode: false }), { headers }) as unknown as IncomingMessage;
  };

  it('gives what JSON.parse gives', async () => {
    const value = { code: 'é😀\n'.repeat(300_000), list: [1, 'x', null, { a: true }] };
    const text = JSON.stringify(value);
    assert.deepEqual(await bodies.json(large(text)), value);
    const announced = { ...json, 'content-length': String(Buffer.byteLength(text)) };
    assert.deepEqual(await bodies.jsonObject(large(text, announced)), value);
    const utf16 = { 'content-type': 'application/json; charset=utf-16le', ...chunked };
    assert.deepEqual(await bodies.json(large(Buffer.from(text, 'utf16le'), utf16)), value);
  });

  it('refuses too many values, too deep ones and invalid JSON, and quotes none of them', async () => {
    for (const [text, status, message] of [
      [`[${'0,'.repeat(MB)}0]`, 413, /^Request larger than allowed: it holds more than \d+ values\.$/],
      ['['.repeat(2 * MB), 400, /nested too deeply/],
      ['x'.repeat(2 * MB), 400, /^The request content was malformed:\nUnexpected character 'x' at input index 0 /],
      [`"${'x'.repeat(2 * MB)}`, 400, /Unexpected end-of-input at input index 2097153 /],
    ] as const) {
      await assert.rejects(bodies.json(large(text)), (error: ApiError) => {
        assert.equal(error.status, status);
        assert.match(error.message, message);
        assert.ok(error.message.length < 200);
        return true;
      });
    }
  });

  it('lets others have their turn while it reads', async () => {
    let turns = 0;
    let reading = true;
    const others = (): void => {
      turns++;
      if (reading) setImmediate(others);
    };
    setImmediate(others);
    await bodies.json(large(`"${'\\n'.repeat(2 * MB)}"`));
    reading = false;
    assert.ok(turns >= 32, `${turns} turns for 4 MB`);
  });

  it('gives back the memory of a request when its answer is closed, and of a refused one at once', async () => {
    const own = new Bodies({ largeBytes: 8 * MB, shareBytes: MB });
    const answers = [new EventEmitter(), new EventEmitter()];
    const text = `"${'x'.repeat(2 * MB)}"`;
    const [first, second] = answers.map((res) => own.json(Object.assign(large(text), { res }) as IncomingMessage));
    assert.equal(((await first) as string).length, 2 * MB);
    let done = false;
    void second?.then(() => (done = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(done, false);
    answers[0]?.emit('close');
    await second;
    answers[1]?.emit('close');
    await assert.rejects(own.json(large('x'.repeat(2 * MB))), { status: 400 });
    assert.equal(((await own.json(large(text))) as string).length, 2 * MB);
  });
});

describe('Bodies, of several namespaces', () => {
  it('reads a large body of one while another holds its own share with bodies that do not end', async () => {
    const MB = 1024 * 1024;
    const of = (name: string, stream: Readable): IncomingMessage =>
      Object.assign(stream, {
        headers: { ...json, ...chunked },
        identity: { namespace: { name } },
        res: new EventEmitter(),
      }) as unknown as IncomingMessage;
    const own = new Bodies({ largeBytes: 16 * MB, shareBytes: 2 * MB });
    const endless = Array.from({ length: 8 }, () => new PassThrough());
    const held = endless.map((stream) => own.json(of('greedy', stream)).catch(() => undefined));
    for (const stream of endless) stream.write(`"${'x'.repeat(2 * MB)}`);
    const value = await own.json(of('other', Readable.from([Buffer.from(`"${'y'.repeat(3 * MB)}"`)])));
    assert.equal((value as string).length, 3 * MB);
    for (const stream of endless) stream.destroy();
    await Promise.all(held);
  });
});

describe('Bodies.reserve', () => {
  const MB = 1024 * 1024;
  const reader = (name: string) => {
    const res = new EventEmitter();
    const close = (): boolean => res.emit('close');
    Object.assign(res, { destroy: close });
    const req = Object.assign(request({}), { identity: { namespace: { name } }, res }) as unknown as IncomingMessage;
    return { req, res, close };
  };

  it('lets slow readers of large code hold a bounded memory, those of one namespace a share of it', async () => {
    const own = new Bodies({ answerBytes: 100 * MB, answerShareBytes: 50 * MB });
    const [slow, second, other] = [reader('a'), reader('a'), reader('b')];
    await own.reserve(slow.req, 48 * MB);
    // Asked again, a request holds no more.
    await own.reserve(slow.req, 48 * MB);
    let done = false;
    const waiting = own.reserve(second.req, 48 * MB).then(() => (done = true));
    await own.reserve(other.req, 48 * MB);
    assert.equal(done, false);
    slow.close();
    await waiting;
    second.close();
    other.close();
  });

  it('closes the connection of a client that takes large code too slowly', async () => {
    const own = new Bodies({ answerMs: 10 });
    const slow = reader('a');
    const closed = once(slow.res, 'close');
    await own.reserve(slow.req, 48 * MB);
    await closed;
  });
});

describe('BodyMemory', () => {
  const TOO_MANY = { status: 429, headers: { 'Retry-After': '5' } };
  const BUSY = { status: 503, headers: { 'Retry-After': '5' } };

  it('always gives the oldest request its memory, and the others the rest', async () => {
    const memory = new BodyMemory({ total: 100, ofOne: 100 }, 10_000);
    const [a, b, c] = ['x', 'y', 'z'].map((name) => memory.open(name)) as [Share, Share, Share];
    await a.take(80);
    await b.take(20);
    await a.take(80);
    const order: string[] = [];
    const waiting = [b.take(50).then(() => order.push('b')), c.take(50).then(() => order.push('c'))];
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(order, []);
    a.release();
    a.release();
    await waiting[0];
    assert.deepEqual(order, ['b']);
    b.release();
    await Promise.all(waiting);
    c.release();
    assert.equal(memory.used, 0);
  });

  it('refuses a request that waits too long, or that comes when too many wait', async () => {
    const memory = new BodyMemory({ total: 100, ofOne: 100 }, 5);
    const first = memory.open('x');
    await first.take(100);
    await assert.rejects(memory.open('y').take(1), BUSY);
    for (let i = 2; i < 256; i++) memory.open(`namespace${i}`);
    assert.throws(() => memory.open('z'), BUSY);
  });

  it('gives each namespace a share: one that has used it up waits or gets 429, while others continue', async () => {
    const memory = new BodyMemory({ total: 1000, ofOne: 100 }, 20);
    const first = memory.open('greedy');
    // Its oldest request gets what it needs.
    await first.take(150);
    const second = memory.open('greedy');
    const waiting = second.take(1);
    const others = ['a', 'b', 'c'].map((name) => memory.open(name));
    await Promise.all(others.map((other) => other.take(100)));
    await assert.rejects(waiting, TOO_MANY);
    for (let i = 2; i < 16; i++) memory.open('greedy');
    assert.throws(() => memory.open('greedy'), TOO_MANY);
    await memory.open('d').take(100);
    first.release();
    await second.take(100);
  });

  it('ends the wait of a request whose connection has closed', async () => {
    const memory = new BodyMemory({ total: 100, ofOne: 100 }, 10_000);
    await memory.open('x').take(100);
    const gone = memory.open('y');
    const waiting = gone.take(1);
    gone.release();
    await assert.rejects(waiting, { status: 400 });
    await assert.rejects(gone.take(1), { status: 400 });
    assert.equal(memory.used, 100);
  });
});
