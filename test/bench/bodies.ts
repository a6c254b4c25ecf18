/*
 * What large request bodies, and large actions, cost other callers.
 *
 *   npm run bench:bodies [-- NAME ...]
 *
 * For each kind of body it sends several at once to a standalone server, and prints
 *
 *   - how they were answered, and how long that took,
 *   - the longest that a `/ping` of another process waited meanwhile,
 *   - the longest turn of the server's event loop, in processor time of its main thread,
 *   - the longest time that this thread waited for a processor in one turn: what a busy machine adds,
 *   - the memory that the server took on top of what it takes at rest.
 *
 * A stall over the goal is a fault if the main thread works that long in one turn. Otherwise the machine is busy: the thread
 * waits for a processor, for memory or for a disk.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WELL_KNOWN_USERS } from '../../deploy/standalone/users.js';
import { freePort } from '../../deploy/local/ports.js';
import type { LoopReport } from './loopProbe.js';
import { benchArguments } from './commandLine.js';

const USAGE = `Usage: npm run bench:bodies -- [BODY...]

Sends large bodies of many kinds to a standalone server, and reads, invokes and deletes large actions, eight at once.
Measures how long other requests wait meanwhile, and the memory of the server.

  BODY    a body to send, such as zip, or actions: only these (default: all)
  --help  print this text

Exits with 1 if a goal is missed.
`;

const MB = 1024 * 1024;
const AT_ONCE = 8;
const AUTHORIZATION = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;

/** Goals: of a stall in ms, and of memory above rest in MB. */
const MAX_STALL_MS = 250;
const MAX_MEMORY_MB = 400;

interface Body {
  readonly name: string;
  readonly bytes: () => Buffer;
  readonly method?: 'PUT' | 'POST';
  /** Below `/namespaces/_`; missing: an action of its own. */
  readonly path?: string;
  readonly type?: string;
  /** Sent without a `Content-Length`. */
  readonly chunked?: boolean;
}

/** `head`, then `unit` until there are about `size` bytes, then `tail`. */
function filled(size: number, head: string, unit: string, tail = ''): Buffer {
  const count = Math.floor((size - head.length - tail.length) / Buffer.byteLength(unit));
  return Buffer.concat([Buffer.from(head), Buffer.alloc(count * Buffer.byteLength(unit), unit), Buffer.from(tail)]);
}

/** As `filled`, of members that differ: `%` stands for their number. */
function numbered(size: number, head: string, unit: string, tail: string): Buffer {
  const out = Buffer.alloc(size);
  let at = out.write(head);
  for (let i = 0; at < size - unit.length - 20 - tail.length; i++) {
    at += out.write(unit.replaceAll('%', String(i)), at, 'latin1');
  }
  at += out.write(tail, at);
  return out.subarray(0, at);
}

const CODE = '{"exec":{"kind":"nodejs:20","code":"';
const code = (size: number, unit: string): Buffer => filled(size, CODE, unit, '"}}');
const exec = '"exec":{"kind":"nodejs:20","code":""}';

const BODIES: readonly Body[] = [
  { name: 'zip', bytes: () => filled(48 * MB, `${CODE}UEsDBBQAAAAI`, 'AAAA', '","binary":true}}') },
  { name: 'garbage', bytes: () => filled(48 * MB, 'x', 'x') },
  { name: 'garbage at the end', bytes: () => filled(48 * MB, CODE, 'x', '"}x') },
  { name: 'empty lines', bytes: () => filled(48 * MB, '\n', '\n', 'x') },
  { name: 'keys', bytes: () => numbered(48 * MB, `{${exec}`, ',"%":0', '}') },
  { name: 'equal keys', bytes: () => filled(48 * MB, `{${exec}`, ',"a":0', '}') },
  { name: 'zeros', bytes: () => filled(48 * MB, `{${exec},"a":[0`, ',0', ']}') },
  { name: 'deep arrays', bytes: () => filled(48 * MB, '[', '[') },
  { name: 'deep objects', bytes: () => filled(48 * MB, '{"a":', '{"a":') },
  { name: 'parameters', bytes: () => numbered(48 * MB, `{${exec},"parameters":[0`, ',{"key":"%","value":0}', ']}') },
  { name: 'annotations', bytes: () => numbered(48 * MB, `{${exec},"annotations":[0`, ',{"key":"%","value":0}', ']}') },
  { name: 'escapes', bytes: () => code(47 * MB, '\\u00e9\\n') },
  { name: 'surrogates', bytes: () => code(47 * MB, '\\ud83d\\ude00') },
  { name: 'two-byte text', bytes: () => code(47 * MB, 'x\u20ac') },
  { name: 'invalid UTF-8', bytes: () => Buffer.alloc(48 * MB, 0xff) },
  {
    name: 'invalid UTF-8 in a string',
    bytes: () => Buffer.concat([Buffer.from(CODE), Buffer.alloc(47 * MB, 0xe2), Buffer.from('"}}')]),
  },
  { name: 'a number', bytes: () => filled(48 * MB, `{${exec},"a":1`, '1', '}') },
  { name: 'a large code', bytes: () => code(47 * MB, 'const x = 1; ') },
  {
    name: 'UTF-16',
    bytes: () => Buffer.from(code(23 * MB, 'x').toString(), 'utf16le'),
    type: 'application/json; charset=utf-16le',
  },
  { name: '64 MB', bytes: () => code(64 * MB, 'x') },
  { name: '64 MB, chunked', bytes: () => code(64 * MB, 'x'), chunked: true },
  { name: '64 MB of keys, chunked', bytes: () => numbered(64 * MB, `{${exec}`, ',"%":0', '}'), chunked: true },
  {
    name: 'a package',
    path: '/packages/p?overwrite=true',
    bytes: () => numbered(48 * MB, '{"parameters":[0', ',{"key":"%","value":0}', ']}'),
  },
  { name: 'a payload', method: 'POST', path: '/actions/none', bytes: () => numbered(MB, '{"a":0', ',"%":0', '}') },
  { name: 'a large payload', method: 'POST', path: '/actions/none', bytes: () => code(48 * MB, 'x'), chunked: true },
];

/** Done with actions of 40 MB, which the first of these creates. */
const USES: readonly { readonly name: string; readonly run: () => Promise<string[]> }[] = [
  { name: 'create', run: () => each((i) => send({ name: '', bytes: largeAction }, largeAction(), i)) },
  { name: 'read', run: () => each((i) => read(i)) },
  {
    name: 'read slowly',
    run: async () => (await Promise.all(Array.from({ length: 8 }, () => each((i) => read(i, true))))).flat(),
  },
  {
    name: 'change',
    run: () => each((i) => send({ name: '', bytes: largeAction }, Buffer.from('{"publish":true}'), i)),
  },
  { name: 'invoke', run: () => each((i) => invoke(i)) },
  { name: 'delete', run: () => each((i) => read(i, false, 'DELETE')) },
];

interface Outcome {
  readonly statuses: string;
  readonly seconds: number;
  readonly stallMs: number;
  readonly loop: LoopReport;
  readonly memoryMB: number;
}

const wanted = benchArguments(USAGE, (name) => name === 'actions' || BODIES.some((body) => body.name === name));
const bodies = BODIES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-bodies-'));
const port = await freePort();
const server = spawn(
  process.execPath,
  [
    '--max-semi-space-size=16',
    '--import',
    new URL('loopProbe.js', import.meta.url).href,
    fileURLToPath(new URL('../../deploy/standalone/main.js', import.meta.url)),
    '--port',
    String(port),
    '--data',
    folder,
    '--log-level',
    'error',
    '--process',
    '--no-catalog',
  ],
  { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
);
let missed = 0;
try {
  if (!server.stdout) throw new Error('the server has no output');
  await once(server.stdout, 'data');
  const pinger = fork(new URL('pinger.js', import.meta.url), [`http://127.0.0.1:${port}`]);
  await sleep(1000);
  await worstPing(pinger);
  await sleep(2000);
  console.log(
    `${AT_ONCE} bodies at once; without any the slowest ping takes ${(await worstPing(pinger)).toFixed(0)} ms`,
  );
  console.log(
    `${'body'.padEnd(28)}${'answers'.padEnd(26)}${'seconds'.padStart(8)}${'stall ms'.padStart(10)}` +
      `${'work ms'.padStart(9)}${'wait ms'.padStart(9)}${'MB'.padStart(7)}`,
  );
  const kinds = bodies.map((body) => ({ name: body.name, run: () => sendAll(body) }));
  const uses = wanted.length === 0 || wanted.includes('actions') ? USES : [];
  for (const { name, run } of [...kinds, ...uses]) {
    const { statuses, seconds, stallMs, loop, memoryMB } = await measure(run, pinger);
    const bad = loop.workMs > MAX_STALL_MS || memoryMB > MAX_MEMORY_MB;
    if (bad) missed++;
    const verdict = bad ? '  over the goal' : stallMs > MAX_STALL_MS ? '  busy machine' : '';
    console.log(
      `${name.padEnd(28)}${statuses.padEnd(26)}${seconds.toFixed(1).padStart(8)}${stallMs.toFixed(0).padStart(10)}` +
        `${loop.workMs.toFixed(0).padStart(9)}${loop.waitMs.toFixed(0).padStart(9)}${memoryMB.toFixed(0).padStart(7)}${verdict}`,
    );
  }
  pinger.kill();
} finally {
  server.kill();
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  missed === 0 ? 'all within the goals' : `${missed} over the goals (${MAX_STALL_MS} ms, ${MAX_MEMORY_MB} MB)`,
);
process.exitCode = missed === 0 ? 0 : 1;

function each(work: (index: number) => Promise<string>): Promise<string[]> {
  return Promise.all(Array.from({ length: AT_ONCE }, (_, i) => work(i)));
}

function sendAll(body: Body): Promise<string[]> {
  const bytes = body.bytes();
  return each((i) => send(body, bytes, i));
}

async function measure(run: () => Promise<string[]>, pinger: ChildProcess): Promise<Outcome> {
  await worstPing(pinger);
  await loopReport();
  const rest = resident();
  let most = rest;
  const sampler = setInterval(() => (most = Math.max(most, resident())), 20);
  const begun = performance.now();
  const statuses = await run();
  const seconds = (performance.now() - begun) / 1000;
  const stallMs = await worstPing(pinger);
  const loop = await loopReport();
  clearInterval(sampler);
  const counts = new Map<string, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  // The next body begins at rest.
  for (let i = 0; i < 20 && resident() > rest + 50; i++) await sleep(250);
  return {
    statuses: [...counts].map(([status, count]) => `${count} x ${status}`).join(', '),
    seconds,
    stallMs,
    loop,
    memoryMB: most - rest,
  };
}

/** Resolves to the status of the answer, or to what the connection ended with. */
function send(body: Body, bytes: Buffer, index: number): Promise<string> {
  return new Promise((resolve) => {
    const req = request(
      {
        port,
        method: body.method ?? 'PUT',
        path: `/api/v1/namespaces/_${body.path ?? `/actions/large${index}?overwrite=true`}`,
        headers: {
          authorization: AUTHORIZATION,
          'content-type': body.type ?? 'application/json',
          ...(body.chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.length }),
        },
      },
      (res) => {
        res.resume();
        res.once('end', () => resolve(String(res.statusCode)));
      },
    );
    req.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    req.end(bytes);
  });
}

function largeAction(): Buffer {
  return filled(40 * MB, `${CODE}function main() { return {} } // `, 'x', '"}}');
}

/** Reads or deletes an action. @param slowly whether the client takes nothing for some seconds, and then leaves. */
function read(index: number, slowly = false, method = 'GET'): Promise<string> {
  return new Promise((resolve) => {
    const path = `/api/v1/namespaces/_/actions/large${index}`;
    const req = request({ port, method, path, headers: { authorization: AUTHORIZATION } }, (res) => {
      if (!slowly) res.resume().once('end', () => resolve(String(res.statusCode)));
      else {
        setTimeout(() => res.destroy(), 5000);
        res.once('close', () => resolve(`${res.statusCode} slowly`));
      }
    });
    req.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    req.end();
  });
}

function invoke(index: number): Promise<string> {
  const path = `/actions/large${index}?blocking=true`;
  return send({ name: '', method: 'POST', path, bytes: largeAction }, Buffer.from('{}'), index);
}

/** The slowest ping since the last question, one that is under way included. */
async function worstPing(pinger: ChildProcess): Promise<number> {
  await sleep(50);
  pinger.send('report');
  const [{ worstMs }] = (await once(pinger, 'message')) as [{ worstMs: number }];
  return worstMs;
}

/** Of the server's main thread, since the last question. */
async function loopReport(): Promise<LoopReport> {
  server.send('report');
  const [report] = (await once(server, 'message')) as [LoopReport];
  return report;
}

/** Of the server, in MB. */
function resident(): number {
  const status = readFileSync(`/proc/${server.pid ?? 0}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
