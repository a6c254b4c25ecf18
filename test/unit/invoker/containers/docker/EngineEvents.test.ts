import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { EngineEvents } from '../../../../../invoker/containers/docker/EngineEvents.js';
import { silentLogger, type Logger } from '../../../../../shared/logging/Logger.js';
import { eventually } from '../../../../e2e/eventually.js';

const event = (Action: string, ID: string): string =>
  `${JSON.stringify({ Type: 'container', Action, Actor: { ID } })}\n`;

describe('events of the Docker Engine', () => {
  /** An engine that has nothing but events: the requests that it got, and its answers, which stay open. */
  let engine: Server;
  let retry: (() => void) | undefined;
  let refusals: number;
  let events: EngineEvents;
  const urls: string[] = [];
  const said: string[] = [];
  const answers: ServerResponse[] = [];

  beforeEach(async () => {
    urls.length = answers.length = said.length = refusals = 0;
    retry = undefined;
    engine = createServer((request, response) => {
      urls.push(decodeURIComponent(request.url ?? ''));
      if (refusals-- > 0) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      answers.push(response);
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    const { port } = engine.address() as AddressInfo;
    const log: Logger = {
      ...silentLogger,
      warn: (text) => said.push(`warn: ${text}`),
      info: (text) => said.push(`info: ${text}`),
    };
    const sleep = (): Promise<void> => new Promise((resolve) => (retry = resolve));
    events = new EngineEvents(new Docker({ host: '127.0.0.1', port }), 'someone', log, sleep);
  });
  afterEach(() => {
    events.close();
    engine.closeAllConnections();
    engine.close();
  });

  const until = (condition: () => boolean): Promise<void> =>
    eventually(async () => {
      await Promise.resolve();
      assert.ok(condition());
    });

  it('tell how a container ended, of this owner’s only, however they are cut', async () => {
    const killed = events.watch('a');
    const exited = events.watch('b');
    await until(() => events.listening);
    assert.match(urls[0] ?? '', /"event":\["oom","die"\].*"label":\["org.palette-whisk.owner=someone"\]/);
    const text =
      event('oom', 'a') + event('start', 'a') + '{"no": 1}\nnothing\n' + event('die', 'a') + event('die', 'b');
    for (const part of text.match(/.{1,7}/gs) ?? []) answers[0]?.write(part);
    await Promise.all([killed.died, exited.died]);
    assert.deepEqual([killed.outOfMemory, killed.dead], [true, true]);
    assert.deepEqual([exited.outOfMemory, exited.dead], [false, true]);
  });

  it('say when events are not received, and are received again after the stream broke', async () => {
    const ending = events.watch('a');
    await until(() => events.listening);
    answers[0]?.destroy();
    await until(() => !events.listening);
    await until(() => retry !== undefined);
    retry?.();
    await until(() => events.listening);
    answers[1]?.write(event('die', 'a'));
    await ending.died;
  });

  it('say once that the engine gives none, and once that it gives them again', async () => {
    refusals = 3;
    events.watch('a');
    for (let failures = 1; failures <= 3; failures++) {
      await until(() => urls.length === failures && retry !== undefined);
      const again = retry;
      retry = undefined;
      again?.();
    }
    await until(() => events.listening);
    answers.at(-1)?.destroy();
    await until(() => retry !== undefined);
    assert.deepEqual(said, [
      'warn: cannot receive events of the Docker Engine; retrying',
      'info: receives events of the Docker Engine again',
    ]);
  });

  it('are not kept of a container that is forgotten', async () => {
    const gone = events.watch('a');
    events.forget('a');
    const other = events.watch('b');
    await until(() => events.listening);
    answers[0]?.write(event('die', 'a') + event('die', 'b'));
    await other.died;
    assert.equal(gone.dead, false);
  });
});
