import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { pauseContainer, resumeContainer } from '../../../../../invoker/containers/docker/pausing.js';

const LIMITS = { callMs: 60_000, pauseMs: 60_000, pullMs: 60_000 };

/** The texts and the status of Docker 20.10. */
const REFUSALS = { pause: 'Container a is already paused', unpause: 'Container a is not paused' };
const CHANGES = [
  { name: 'pause', change: pauseContainer, frozenAfter: true },
  { name: 'unpause', change: resumeContainer, frozenAfter: false },
] as const;

describe('a change of a container of an engine that knows the state of its containers late', () => {
  let engine: Server;
  let container: Docker.Container;
  /** Whether the container is frozen, and what the engine takes it for. */
  let frozen = false;
  let taken = { running: true, paused: false };
  /** The number of calls before the engine knows. */
  let late = 0;
  let calls = 0;

  const answer = (url: string): readonly [status: number, body?: object] => {
    if (url.endsWith('/json')) return [200, { State: { Running: taken.running, Paused: taken.paused } }];
    calls++;
    if (!taken.running) return [500, { message: 'Container a is not running' }];
    if (late > 0 && --late === 0) taken = { ...taken, paused: frozen };
    const name = url.endsWith('/unpause') ? 'unpause' : 'pause';
    const paused = name === 'pause';
    if (taken.paused === paused) return [500, { message: REFUSALS[name] }];
    frozen = paused;
    taken = { ...taken, paused };
    return [204];
  };

  beforeEach(async () => {
    calls = 0;
    late = 0;
    engine = createServer((request, response) => {
      const [status, body] = answer(request.url ?? '');
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    container = new Docker({ host: '127.0.0.1', port: (engine.address() as AddressInfo).port }).getContainer('a');
  });
  afterEach(() => {
    engine.closeAllConnections();
    engine.close();
  });

  for (const { name, change, frozenAfter } of CHANGES) {
    it(`is repeated until the engine knows it, for the call ${name}`, async () => {
      frozen = !frozenAfter;
      taken = { running: true, paused: frozenAfter };
      late = 4;
      await change(container, LIMITS);
      assert.deepEqual({ frozen, calls }, { frozen: frozenAfter, calls: 4 });
    });

    it(`is done if another client has done it, for the call ${name}`, async () => {
      frozen = frozenAfter;
      taken = { running: true, paused: frozenAfter };
      await change(container, LIMITS, 40);
      assert.equal(taken.paused, frozenAfter);
    });

    it(`fails at once for another reason, for the call ${name}`, async () => {
      taken = { running: false, paused: false };
      await assert.rejects(change(container, LIMITS), /is not running/);
      assert.equal(calls, 1);
    });
  }
});
