import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mock } from 'node:test';
import { HttpConnections } from '../../../../../invoker/containers/HttpConnections.js';
import { PeerReads } from '../../../../../invoker/objects/sharing/PeerReads.js';

const HOUR_MS = 3_600_000;

describe('reads of objects of an invoker that does not answer', () => {
  const server = createServer(() => undefined);
  let port: number;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => server.close().closeAllConnections());

  it('end at their limit while they wait for a connection', async () => {
    const reads = new PeerReads({ tls: undefined, connectMs: 10_000, connections: 1, onSocket: () => undefined });
    const read = (headMs: number) =>
      reads.read(
        `http://127.0.0.1:${port}`,
        { target: '/red/k', fields: '', headMs },
        () => undefined,
        (e) => e,
      );
    const first = read(HOUR_MS);
    await assert.rejects(read(50).ended, /no bytes came for 50 ms/);
    first.abort();
    await assert.rejects(first.ended, /given up/);
    reads.close();
  });

  it('end at their limit from the call on if they get a connection meanwhile', async () => {
    let arrived: (response: ServerResponse) => void = () => undefined;
    const slow = createServer((_, response) => arrived(response)).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const reads = new PeerReads({ tls: undefined, connectMs: 10_000, connections: 1, onSocket: () => undefined });
    const arrives = (): Promise<ServerResponse> => new Promise((resolve) => (arrived = resolve));
    const read = (headMs: number) =>
      reads.read(
        url,
        { target: '/red/k', fields: '', headMs },
        () => undefined,
        (error) => error,
      );
    // Timers of a clock that the test moves. Those of Node.js's own mocks cannot be refreshed.
    const real = globalThis.setTimeout;
    const timers: { at: number; readonly callback: () => void }[] = [];
    let clock = 0;
    const timer = (callback: () => void, ms = 0): NodeJS.Timeout => {
      const entry = { at: clock + ms, callback };
      timers.push(entry);
      const made = real(() => undefined, HOUR_MS).unref();
      mock.method(made, 'refresh', () => {
        entry.at = clock + ms;
        return made;
      });
      return made;
    };
    const pass = (ms: number): void => {
      clock += ms;
      for (const { at, callback } of timers) if (at <= clock) callback();
    };
    mock.method(globalThis, 'setTimeout', timer as typeof setTimeout);
    try {
      let next = arrives();
      const first = read(HOUR_MS);
      const response = await next;
      const second = read(8000);
      next = arrives();
      pass(5000);
      response.writeHead(200, { 'content-length': 0 }).end();
      await first.ended;
      await next;
      pass(3000);
      await assert.rejects(second.ended, /no bytes came for 8000 ms/);
    } finally {
      mock.restoreAll();
      reads.close();
      slow.close().closeAllConnections();
    }
  });

  it('end if their reader pauses them for a minute', async () => {
    const begins = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('x');
    }).listen(0, '127.0.0.1');
    await once(begins, 'listening');
    const url = `http://127.0.0.1:${(begins.address() as AddressInfo).port}`;
    const reads = new PeerReads({ tls: undefined, connectMs: 10_000, connections: 1, onSocket: () => undefined });
    const real = globalThis.setTimeout;
    // A pause is over at once.
    const short = (callback: () => void, ms?: number): NodeJS.Timeout => real(callback, ms === 60_000 ? 1 : ms);
    mock.method(globalThis, 'setTimeout', short as typeof setTimeout);
    try {
      const request = { target: '/red/k', fields: '', headMs: HOUR_MS };
      const taker = { place: () => undefined, data: () => undefined, end: () => undefined };
      const paused = reads.read(
        url,
        request,
        (_, __, flow) => {
          flow.pause();
          return taker;
        },
        (error) => error,
      );
      await assert.rejects(paused.ended, /no bytes came for 60000 ms/);
    } finally {
      mock.restoreAll();
      reads.close();
      begins.close().closeAllConnections();
    }
  });

  it('do not stay in the queue when they are given up', () => {
    const connections = new HttpConnections({ host: '127.0.0.1', port }, 1);
    const failed: unknown[] = [];
    const exchange = {
      started: () => undefined,
      head: () => undefined,
      data: () => undefined,
      end: () => undefined,
      failed: (error: unknown) => void failed.push(error),
    };
    const send = () => connections.send({ head: 'GET / HTTP/1.1\r\nhost: a\r\n', body: undefined }, exchange);
    send();
    const kept = Array.from({ length: 3 }, send);
    for (let i = 0; i < 100; i++) send().abort();
    assert.ok(connections.queued <= 6, `${connections.queued} in the queue`);
    connections.destroy();
    assert.equal(failed.length, 1 + kept.length);
  });
});
