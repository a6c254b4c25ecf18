import { isAscii } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { isRecord, type Reply } from './ActionService.js';
import { rehearseWhenIdle } from './rehearsal.js';

const MAX_BODY_BYTES = 48 * 1024 * 1024;
/** The idle time of connections: a warm invocation should not need a new connection. */
const KEEP_ALIVE_MS = 600_000;

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
const TOKEN_HEADER = 'x-invoker-token';
const FORBIDDEN: Reply = { status: 403, body: { error: 'Only the invoker may call this container.' } };
const BAD_REQUEST: Reply = { status: 500, body: { error: 'Bad request.' } };

/** What a runtime does with the bodies of `/init` and `/run`. */
export interface ActionProtocol {
  init(body: Record<string, unknown>): Promise<Reply>;
  run(body: Record<string, unknown>): Promise<Reply>;
}

/**
 * Serves the action protocol over HTTP, at the environment's `PORT` (a number, or the path of a Unix socket; 8080). With
 * the argument `--end-with-parent` the process ends when descriptor 3 closes, whose other end the parent holds.
 * @param make makes the protocol. `endLogs` writes the sentinel to both log streams.
 * @param rehearseAction see `rehearseWhenIdle`; missing: only the server rehearses.
 */
export function serveActions(
  make: (endLogs: () => void) => ActionProtocol,
  rehearseAction: () => Promise<void> = async () => undefined,
): void {
  // Keep references, since an action may replace the properties of `process`.
  const writeStdout = process.stdout.write.bind(process.stdout);
  const writeStderr = process.stderr.write.bind(process.stderr);

  /**
   * The invoker's token, from the first `/init` with a token. It signs the sentinels and authenticates later requests. It
   * is neither in the action's environment nor in its arguments.
   */
  let token: string | undefined;

  const service = make(() => {
    const line = `${SENTINEL}${token === undefined ? '' : ` ${token}`}\n`;
    writeStdout(line);
    writeStderr(line);
  });

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
      const text = textOf(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
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

  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  rehearseWhenIdle(server, rehearseAction);
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
}

/** The text of UTF-8. Node.js decodes Latin-1, of which ASCII is a part, in a tenth of the time. */
const textOf = (bytes: Buffer): string => bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');

function isToken(sent: string | string[] | undefined, expected: string): boolean {
  if (typeof sent !== 'string') return false;
  const [a, b] = [Buffer.from(sent), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, reply: Reply): void {
  const text = reply.json ?? JSON.stringify(reply.body);
  const headers = ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(text))];
  if (reply.tokenAccepted === true) headers.push(TOKEN_HEADER, 'accepted');
  response.writeHead(reply.status, headers);
  // Node.js writes the head together with a text, but not with bytes.
  response.end(text);
}
