import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ObjectMemory } from '../../../invoker/objects/memory/ObjectMemory.js';
import { ObjectService } from '../../../invoker/objects/ObjectService.js';
import { bearerAuthentication } from '../../../invoker/objects/server/bearer.js';
import { ObjectHttpServer } from '../../../invoker/objects/server/ObjectHttpServer.js';
import { objectListener } from '../../../invoker/objects/server/objectListener.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { everythingIsHere } from '../../../shared/objects/Locate.js';
import { ObjectTokens } from '../../../shared/objects/ObjectToken.js';
import { latencies } from '../statistics.js';

const MB = 1024 * 1024;
const GUEST = { uuid: 'bench', name: 'bench', limitBytes: undefined };
const ROUNDS = 3;
const ROUND_MS = 5000;
const PAUSE_MS = 5;

/**
 * Prints the latency of small requests from this thread to another process, as an invoker sends them to its containers:
 * alone, while a process writes and reads objects of 64 MB in the service's thread, and while it does so in this thread.
 */
export async function measureThread(): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'pw-'));
  const tokens = new ObjectTokens(new Uint8Array(32), 'i');
  const service = new ObjectService({
    invoker: 'i',
    instance: 0,
    boundBytes: 256 * MB,
    folder: join(base, 'o'),
    tcpHost: undefined,
    log: silentLogger,
  });
  await service.start();
  const memory = new ObjectMemory({ epoch: 'e', boundBytes: 256 * MB });
  const here = new ObjectHttpServer(
    objectListener({
      memory,
      authenticate: bearerAuthentication(tokens),
      elsewhere: { locate: everythingIsHere, forward: () => Promise.reject(new Error('no peers')) },
      now: () => performance.now(),
      onFault: (_, error) => console.error(error),
    }),
  );
  await here.listen({ path: join(base, 'here') });
  const container = program('container', join(base, 'container'));
  await once(container, 'message');
  const cases = [
    { name: 'without objects', load: undefined },
    { name: 'objects in a thread', load: [service.socketUrl(service.folder), service.token(GUEST)] },
    { name: 'objects in the same thread', load: [`unix:${join(base, 'here')}`, tokens.make(GUEST)] },
  ];
  const samples = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { load }] of cases.entries()) {
      const loader = load && program('load', ...load);
      if (loader) await once(loader, 'message');
      samples[i]?.push(...(await pings(join(base, 'container'))));
      if (loader) {
        loader.kill();
        await once(loader, 'exit');
      }
    }
  }
  for (const [i, { name }] of cases.entries()) {
    const { p50, p99 } = latencies(samples[i] ?? []);
    console.log(`${name.padEnd(28)} p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
  }
  container.kill();
  await here.close(0);
  await service.stop(0);
  rmSync(base, { recursive: true, force: true });
}

function program(...args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL('./threadPrograms.js', import.meta.url)), args);
}

/** Sends requests for a while, with a pause after each. @returns their durations in ms. */
async function pings(socketPath: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const durations: number[] = [];
  const end = performance.now() + ROUND_MS;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const start = performance.now();
    await new Promise<void>((resolve, reject) => {
      request({ socketPath, agent, path: '/run' }, (response) => response.resume().once('end', () => resolve()))
        .once('error', reject)
        .end();
    });
    durations.push(performance.now() - start);
  }
  agent.destroy();
  return durations;
}
