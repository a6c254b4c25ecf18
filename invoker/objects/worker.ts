/*
 * The worker thread of an invoker's objects: the memory and its HTTP server. An invoker starts it at the first
 * connection: see `ObjectService.ts`.
 */
import { chmodSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { randomBytes } from 'node:crypto';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import { ObjectTokens } from '../../shared/objects/ObjectToken.js';
import { CurrentLimits } from './CurrentLimits.js';
import { CallServer } from './calls/CallServer.js';
import { EXPIRY_MS } from './memory/Expiries.js';
import { ObjectMemory } from './memory/ObjectMemory.js';
import { ReadCopies } from './memory/ReadCopies.js';
import type { FromWorker, ObjectCounts, ToWorker, WorkerConfig } from './messages.js';
import { bearerAuthentication } from './server/bearer.js';
import { Asker } from './questions/questions.js';
import { isOfPeer, peerListener } from './sharing/peerListener.js';
import { Sharing } from './sharing/Sharing.js';
import { askedStore } from './questions/askedStore.js';
import { ObjectHttpServer } from './server/ObjectHttpServer.js';
import { objectListener } from './server/objectListener.js';

/** The interval of counts for the main thread, in ms. */
const COUNTS_MS = 500;
/** A growth of kept memory in bytes that is told at once. */
const KEPT_STEP = 1024 * 1024;
/** The interval of `Sharing.beat` and `CallServer.tidy`, in ms. */
const BEAT_MS = 1000;
/** The number of namespaces in counts. */
const LARGEST = 20;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `ObjectService` starts this file
const config = workerData as WorkerConfig;
const port = parentPort;
if (!port) throw new Error('this file is for a worker thread');

const tell = (message: FromWorker): void => port.postMessage(message);
const now = (): number => performance.now();

const copies = new ReadCopies();
const memory = new ObjectMemory({ epoch: config.epoch, boundBytes: config.configuredBytes, copies });
memory.resize(config.boundBytes);
let toldKept = 0;
memory.onKept((bytes) => {
  if (bytes < toldKept + KEPT_STEP) return;
  toldKept = bytes;
  tell({ kind: 'kept', bytes });
});
const tokens = new ObjectTokens(config.tokenSecret, config.invoker);
let waitsMet = 0;
let waitsLate = 0;

const asker = new Asker((message) => tell({ kind: 'question', message }));
/** Without peers, this invoker is the home of all colors. */
const alone: HomesReply = {
  policy: '',
  homes: [{ instance: config.instance, url: 'http://localhost' }],
  away: [],
  validMs: Number.MAX_VALUE,
};
const limits = new CurrentLimits();
const onlyThis: InvokersReply = { up: alone.homes, away: [] };
const sharing = new Sharing({
  instance: config.instance,
  secret: config.secret ?? randomBytes(32).toString('base64url'),
  peerTls: config.peerTls,
  memory,
  copies,
  askHomes: async (namespace, color, policy) => {
    if (config.secret === undefined) return alone;
    const reply = await asker.ask('homes', { namespace, color, policy });
    limits.note(namespace, reply);
    return reply;
  },
  askInvokers: async () => (config.secret === undefined ? onlyThis : asker.ask('invokers', {})),
  store: config.stores ? askedStore(asker) : undefined,
  now,
  onWarning: (text, error) => tell({ kind: 'log', level: 'warn', text, error: textOf(error) }),
});
const common = {
  memory,
  now,
  onFault: (id: string, error: unknown): void =>
    tell({ kind: 'log', level: 'error', text: `[${id}] a request for an object failed`, error: textOf(error) }),
  onWaited: (met: boolean): void => {
    if (met) waitsMet++;
    else waitsLate++;
  },
};
const calls = new CallServer({
  ...common,
  elsewhere: sharing,
  reply: (message, moved) => port.postMessage({ kind: 'reply', message } satisfies FromWorker, [...moved]),
});
const authenticate = bearerAuthentication(tokens);
const containers = objectListener({
  ...common,
  authenticate: (request) => limits.applyTo(authenticate(request)),
  elsewhere: sharing,
});
const { secret } = config;
const peers =
  secret === undefined
    ? undefined
    : peerListener({ ...common, sharing, secret, figures, encrypted: config.tls !== undefined });
const server = new ObjectHttpServer(
  (request, response, proceed) =>
    peers && isOfPeer(request) ? peers(request, response, proceed) : containers(request, response, proceed),
  {},
  config.tls,
);

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'bound':
      memory.resize(message.bytes);
      break;
    case 'listen':
      void server.listen({ host: message.host, port: message.port }).then(
        () => tell({ kind: 'listening' }),
        (error: unknown) => {
          const text = `cannot listen for objects at ${message.host}:${message.port}`;
          tell({ kind: 'log', level: 'error', text, error: textOf(error) });
        },
      );
      break;
    case 'answer':
      asker.answered(message.message);
      break;
    case 'call':
      void calls.take(message.message);
      break;
    case 'drain':
      void sharing.drain(AbortSignal.timeout(message.limitMs)).then(
        (outcome) => tell({ kind: 'drained', ...outcome }),
        (error: unknown) => {
          tell({ kind: 'log', level: 'error', text: 'could not hand objects over', error: textOf(error) });
          tell({ kind: 'drained', moved: 0, left: memory.colors().length });
        },
      );
      break;
    case 'stop':
      clearInterval(counting);
      clearInterval(expiring);
      clearInterval(beating);
      void server.close(message.graceMs).then(() => {
        tellCounts();
        tell({ kind: 'stopped' });
        port.close();
      });
      break;
  }
});

const expiring = setInterval(() => memory.expire(now()), EXPIRY_MS);
const beating = setInterval(() => {
  sharing.beat();
  calls.tidy();
}, BEAT_MS);
let told = '';
const counting = setInterval(tellCounts, COUNTS_MS);

function counts(): ObjectCounts {
  return {
    ...memory.counts(),
    waitsMet,
    waitsLate,
    largest: memory.largest(LARGEST),
    evicted: memory.takeEvicted(),
    sharing: sharing.counts,
  };
}

/** The figures for operators. */
function figures(): object {
  const { boundBytes, usedBytes, keptBytes, objects, waits, hits, misses, evictions } = memory.counts();
  const namespaces = memory.largest(LARGEST);
  const readCopies = { count: copies.count, bytes: copies.bytes };
  return {
    usedBytes,
    keptBytes,
    boundBytes,
    readCopies,
    objects,
    waits,
    hits,
    misses,
    evictions,
    ...sharing.counts,
    namespaces,
  };
}

/** Tells the counts if they have changed. */
function tellCounts(): void {
  const current = counts();
  const text = JSON.stringify(current);
  if (text === told) return;
  told = text;
  toldKept = current.keptBytes;
  tell({ kind: 'counts', counts: current });
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// The first connections, which the main thread passes on, end after a response: the next one comes here directly.
await server.listen({ path: config.doorPath }, true);
await server.listen({ path: config.socketPath });
// Containers have users of their own. Each request needs a token.
chmodSync(config.socketPath, 0o666);
tell({ kind: 'ready' });
