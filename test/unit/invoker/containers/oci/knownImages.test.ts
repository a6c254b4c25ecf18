import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { KnownImages } from '../../../../../invoker/containers/oci/images/KnownImages.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { eventually } from '../../../../e2e/eventually.js';

describe('the images of an engine that are known', () => {
  /** An engine that has nothing but events: its answers, which stay open. */
  let engine: Server;
  let known: KnownImages<{ id: string }>;
  let now: number;
  /** What the engine has, and how often it was asked. */
  let id: string;
  let asked: number;
  const urls: string[] = [];
  const answers: ServerResponse[] = [];

  beforeEach(async () => {
    [urls.length, answers.length, now, asked, id] = [0, 0, 0, 0, 'first'];
    engine = createServer((request, response) => {
      urls.push(decodeURIComponent(request.url ?? ''));
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      answers.push(response);
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    const { port } = engine.address() as AddressInfo;
    const docker = new Docker({ host: '127.0.0.1', port });
    // It never listens again after the end of a stream.
    const sleep = () => new Promise<void>(() => undefined);
    known = new KnownImages({ docker, log: silentLogger, now: () => now, sleep });
  });
  afterEach(() => {
    known.close();
    engine.closeAllConnections();
    engine.close();
  });

  const until = (condition: () => boolean): Promise<void> =>
    eventually(async () => {
      await Promise.resolve();
      assert.ok(condition());
    });
  async function find({ changed = false, reference = 'image:1' } = {}): Promise<string> {
    const ask = async (): Promise<{ id: string }> => {
      asked += 1;
      return { id };
    };
    return (await known.get(reference, ask, changed)).id;
  }
  async function listening(): Promise<void> {
    known.open();
    await until(() => known.keeps);
  }

  it('are asked for each time until the events of the engine are received, and after they broke', async () => {
    await find();
    await find();
    assert.equal(asked, 2);
    await listening();
    await find();
    await find();
    assert.equal(asked, 3);
    id = 'second';
    answers[0]?.destroy();
    await until(() => !known.keeps);
    assert.deepEqual([await find(), await find(), asked], ['second', 'second', 5]);
  });

  it('are asked for once by reference, also by starts at the same time', async () => {
    await listening();
    assert.match(urls[0] ?? '', /"type":\["image"\]/);
    await Promise.all([find(), find(), find({ reference: 'other' })]);
    await find();
    assert.equal(asked, 2);
  });

  it('are asked for again after an event about any image', async () => {
    await listening();
    await find();
    id = 'second';
    answers[0]?.write(`${JSON.stringify({ Type: 'image', Action: 'tag', Actor: { ID: 'sha256:1' } })}\n`);
    await eventually(async () => assert.equal(await find(), 'second'));
    const before = asked;
    await find();
    assert.equal(asked, before);
  });

  it('are asked for again after a pull, and after a minute', async () => {
    await listening();
    await find();
    id = 'pulled';
    assert.deepEqual([await find({ changed: true }), await find(), asked], ['pulled', 'pulled', 2]);
    id = 'later';
    now = 60_000;
    assert.equal(await find(), 'pulled');
    now = 60_001;
    assert.equal(await find(), 'later');
  });

  it('are not kept if the engine fails, or changes while it answers', async () => {
    await listening();
    const failing = () => Promise.reject(new Error('no such image'));
    await assert.rejects(known.get('image:1', failing, false), /no such image/);
    await find({ reference: 'other' });
    let answer: ((image: { id: string }) => void) | undefined;
    const slow = known.get('image:1', () => new Promise((resolve) => (answer = resolve)), false);
    id = 'new';
    answers[0]?.write('{"Type":"image","Action":"untag"}\n');
    // The event has arrived when it counts for another image.
    await eventually(async () => assert.equal(await find({ reference: 'other' }), 'new'));
    answer?.({ id: 'old' });
    assert.equal((await slow).id, 'old');
    assert.equal(await find(), 'new');
  });
});
