import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectService, type ServiceSharing } from '../../../invoker/objects/ObjectService.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { signed } from '../../integration/certificates.js';
import { callProgram } from './callProgram.js';
import type { PeerFigures, PeerTask } from './peerCaller.js';
import type { Context } from './report.js';

const MB = 1024 * 1024;
const GUEST = { uuid: 'bench', name: 'bench', limitBytes: undefined };
const MAX_GET_P50_MS = 1.5;

/**
 * A get of 64 KB whose home is another invoker, as a container does it: over the socket of its own invoker, which asks
 * the other one over TCP, signed; without TLS and with it. Each get is the first one of a new version, so that the bytes
 * move.
 */
export async function measurePeer(context: Context): Promise<void> {
  for (const encrypted of [false, true]) {
    context.progress(`get from a peer${encrypted ? ' over TLS' : ''}`);
    const { movedMs, validatedMs, localMs } = await figures(encrypted, context.full ? 15 : 5);
    const over = encrypted ? ' over TLS' : '';
    const goal = encrypted ? undefined : { text: `<= ${MAX_GET_P50_MS} ms`, met: movedMs <= MAX_GET_P50_MS };
    const beside = `at its home ${localMs.toFixed(3)} ms`;
    context.add({ name: `get 64 KB from a peer${over}, p50`, value: movedMs, unit: 'ms', beside, goal });
    context.add({ name: `the same${over}, copy is current, p50`, value: validatedMs, unit: 'ms' });
  }
}

async function figures(encrypted: boolean, rounds: number): Promise<PeerFigures> {
  const base = mkdtempSync(join(tmpdir(), 'pw-'));
  const peers: { instance: number; url: string }[] = [];
  const services: ObjectService[] = [];
  try {
    const tls = encrypted ? certificates(base) : {};
    for (const instance of [0, 1]) {
      const sharing: ServiceSharing = {
        ...tls,
        secret: 'a secret of the bench',
        host: '127.0.0.1',
        url: undefined,
        homes: async () => ({ policy: 'bench', homes: peers, away: [], validMs: 60_000 }),
        invokers: () => Promise.reject(new Error('unused')),
        drainMs: 0,
      };
      const service = new ObjectService({
        invoker: `invoker${instance}`,
        instance,
        boundBytes: 256 * MB,
        folder: join(base, `o${instance}`),
        tcpHost: '127.0.0.1',
        sharing,
        log: silentLogger,
      });
      services.push(service);
      await service.start();
      // The latest one is the home.
      peers.unshift({ instance, url: service.peerUrl ?? '' });
    }
    const [reader, home] = services.map((service) => ({
      url: service.socketUrl(service.folder),
      token: service.token(GUEST),
    }));
    if (!reader || !home) throw new Error('there are no invokers');
    const task: PeerTask = { reader, home, rounds };
    return await callProgram<PeerFigures>('peerCaller', task);
  } finally {
    await Promise.all(services.map((service) => service.stop(1000)));
    rmSync(base, { recursive: true, force: true });
  }
}

function certificates(folder: string): Pick<ServiceSharing, 'tls' | 'peerTls'> {
  signed(folder, 'invoker');
  const pem = (name: string): Buffer => readFileSync(join(folder, name));
  return { tls: { cert: pem('invoker.crt'), key: pem('invoker.key') }, peerTls: { ca: pem('ca.pem') } };
}
