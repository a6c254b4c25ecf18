/* oxlint-disable no-console -- what an action logs is this process's own output */
/**
 * The Node.js runtime of actions: an HTTP server for `POST /init` and `POST /run`, as OpenWhisk's invokers call them.
 * It runs alone in a container or as a child process, so its files must not import a package or the rest of the
 * project.
 *
 * With the argument `--end-with-parent` it ends when descriptor 3 closes, whose other end the parent holds.
 *
 * Environment: `PORT` (a number, or the path of a Unix socket; 8080), `__OW_ALLOW_CONCURRENT=true` lets `/run` overlap.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadAction } from './action.js';
import { ActionService, isRecord, type Reply } from './ActionService.js';

const MAX_BODY_BYTES = 48 * 1024 * 1024;
/** The idle time of connections: a warm invocation should not need a new connection. */
const KEEP_ALIVE_MS = 600_000;

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
const TOKEN_HEADER = 'x-invoker-token';
// Keep references, since an action may replace the properties of `process`.
const writeStdout = process.stdout.write.bind(process.stdout);
const writeStderr = process.stderr.write.bind(process.stderr);

/**
 * The invoker's token, from the first `/init` with a token. It signs the sentinels and authenticates later requests. It
 * is neither in the action's environment nor in its arguments.
 */
let token: string | undefined;

// Actions may call `gc()`, as in OpenWhisk's image. A flag on the command line would slow each start by about 15 ms,
// since V8 discards its code cache when flags differ.
Object.defineProperty(globalThis, 'gc', {
  configurable: true,
  get() {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    return gc;
  },
});

const service = new ActionService({
  concurrent: process.env['__OW_ALLOW_CONCURRENT']?.toLowerCase() === 'true',
  environment: process.env,
  load: loadAction,
  log: (...values) => console.error(...values),
  endLogs() {
    const line = `${SENTINEL}${token === undefined ? '' : ` ${token}`}\n`;
    writeStdout(line);
    writeStderr(line);
  },
});

const FORBIDDEN: Reply = { status: 403, body: { error: 'Only the invoker may call this container.' } };
const BAD_REQUEST: Reply = { status: 500, body: { error: 'Bad request.' } };

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  });
  request.on('end', () => {
    if (length > MAX_BODY_BYTES) send(response, BAD_REQUEST);
    else void answer(request, chunks).then((reply) => send(response, reply));
  });
});

async function answer(request: IncomingMessage, chunks: Buffer[]): Promise<Reply> {
  if (token !== undefined && !isToken(request.headers[TOKEN_HEADER], token)) return FORBIDDEN;
  let body: unknown;
  try {
    const text = chunks.length === 1 && chunks[0] ? chunks[0].toString() : Buffer.concat(chunks).toString();
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    return BAD_REQUEST;
  }
  if (request.method !== 'POST' || !isRecord(body)) return BAD_REQUEST;
  if (request.url === '/run') return service.run(body);
  if (request.url === '/init') {
    const sent = request.headers[TOKEN_HEADER];
    if (typeof sent === 'string' && sent !== '') token ??= sent;
    const reply = await service.init(body);
    return token === undefined ? reply : { ...reply, tokenAccepted: true };
  }
  return BAD_REQUEST;
}

function isToken(sent: string | string[] | undefined, expected: string): boolean {
  if (typeof sent !== 'string') return false;
  const [a, b] = [Buffer.from(sent), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, reply: Reply): void {
  let { status } = reply;
  let text: string;
  try {
    text = JSON.stringify(reply.body) ?? 'null';
  } catch (error) {
    console.error('The result cannot be written as JSON:', error);
    status = 500;
    text = '{"error":"Internal error."}';
  }
  const bytes = Buffer.from(text);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': bytes.length,
    ...(reply.tokenAccepted === true ? { [TOKEN_HEADER]: 'accepted' } : {}),
  });
  response.end(bytes);
}

server.keepAliveTimeout = KEEP_ALIVE_MS;
server.requestTimeout = 0;
server.headersTimeout = 0;
const port = process.env['PORT'] ?? '8080';
server.listen(/^\d+$/.test(port) ? Number(port) : port);

// Process 1 of a container has no default handlers for signals.
process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));

if (process.argv.includes('--end-with-parent')) {
  new Socket({ fd: 3, readable: true, writable: false })
    .once('close', () => process.exit(0))
    .resume()
    .unref();
}
