import { isAscii } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { createServer, Socket } from 'node:net';
import { isRecord, type EndRun, type Reply } from './ActionService.js';
import { LogEnds } from './LogEnds.js';
import { watchPipes } from './OutputWatch.js';
import { readRequests, type ActionRequest, type ActionResponse } from './RequestReader.js';
import { rehearseWhenIdle } from './rehearsal.js';

const MAX_BODY_BYTES = 48 * 1024 * 1024;
/** The idle time of connections: a warm invocation should not need a new connection. */
const KEEP_ALIVE_MS = 600_000;

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
/** The value of `x-palette-logs` in a request: the invoker needs no sentinels of a run that writes nothing. */
const ON_DEMAND = 'on-demand';
const FORBIDDEN: Reply = { status: 403, body: { error: 'Only the invoker may call this container.' } };
const BAD_REQUEST: Reply = { status: 500, body: { error: 'Bad request.' } };

/** Active resources that wait for others: those of this server, and connections of the action. The rest may call the action back soon. */
const PASSIVE: ReadonlySet<string> = new Set(['TCPServerWrap', 'TCPSocketWrap', 'PipeServerWrap', 'PipeWrap']);

/** What a runtime does with the bodies of `/init` and `/run`. */
export interface ActionProtocol {
  init(body: Record<string, unknown>): Promise<Reply>;
  run(body: Record<string, unknown>, end: EndRun): Promise<Reply>;
}

/**
 * Serves the action protocol over HTTP, at the environment's `PORT` (a number, or the path of a Unix socket; 8080). With
 * the argument `--end-with-parent` the process ends when descriptor 3 closes, whose other end the parent holds.
 * @param make makes the protocol. `endLogs` writes the sentinel to both log streams.
 * @param options.rehearseAction see `rehearseWhenIdle`; missing: only the server rehearses.
 * @param options.ownProcess whether the action runs in processes of its own, so that it leaves no callbacks in this one.
 */
export function serveActions(
  make: (endLogs: () => void) => ActionProtocol,
  options: { readonly rehearseAction?: () => Promise<void>; readonly ownProcess?: boolean } = {},
): void {
  const { rehearseAction = async () => undefined, ownProcess = false } = options;
  // Keep references, since an action may replace the properties of `process`.
  const { stdout, stderr } = process;
  const writeStdout = stdout.write.bind(stdout);
  const writeStderr = stderr.write.bind(stderr);
  const activeResources = process.getActiveResourcesInfo.bind(process);
  const listenFirst = process.prependListener.bind(process);
  const listenNoMore = process.removeListener.bind(process);

  /**
   * The invoker's token, from the first `/init` with a token. It signs the sentinels and authenticates later requests. It
   * is neither in the action's environment nor in its arguments.
   */
  let expected: Buffer | undefined;
  let sentinel = `${SENTINEL}\n`;
  const take = (token: string): void => {
    if (expected) return;
    expected = Buffer.from(token);
    sentinel = `${SENTINEL} ${token}\n`;
  };

  const logs = new LogEnds({
    mark: () => {
      writeStdout(sentinel);
      writeStderr(sentinel);
    },
    pending: () => stdout.writableLength > 0 || stderr.writableLength > 0,
    busy: () => !ownProcess && !activeResources().every((resource) => PASSIVE.has(resource)),
    written: () => stdout.bytesWritten + stderr.bytesWritten,
    onExit: (listener) => {
      listenFirst('exit', listener);
      return () => void listenNoMore('exit', listener);
    },
    watch: watchPipes(),
  });
  const service = make(() => logs.mark());

  async function run(body: Record<string, unknown>, request: ActionRequest): Promise<Reply> {
    const logged = logs.begin(request.logs === ON_DEMAND);
    try {
      return await service.run(body, (ended) => logs.end(logged, () => request.lastWords?.(responseOf(ended))));
    } finally {
      logs.finish();
    }
  }

  async function reply(request: ActionRequest): Promise<Reply> {
    const { method, path, token: sent, body: bytes } = request;
    if (expected && !isToken(sent, expected)) return FORBIDDEN;
    if (!bytes) return BAD_REQUEST;
    let body: unknown;
    try {
      const text = textOf(bytes);
      body = text === '' ? {} : JSON.parse(text);
    } catch {
      return BAD_REQUEST;
    }
    if (method !== 'POST' || !isRecord(body)) return BAD_REQUEST;
    if (path === '/run') return run(body, request);
    if (path !== '/init') return BAD_REQUEST;
    if (sent !== undefined && sent !== '') take(sent);
    const initialized = await service.init(body);
    return expected ? { ...initialized, tokenAccepted: true } : initialized;
  }

  async function answer(request: ActionRequest): Promise<ActionResponse> {
    server.emit('request');
    return responseOf(await reply(request));
  }

  const parts = { answer, maxBodyBytes: MAX_BODY_BYTES, keepAliveMs: KEEP_ALIVE_MS };
  let others: Promise<HttpServer> | undefined;
  const passOn = async (socket: Socket): Promise<void> => {
    others ??= import('./otherRequests.js').then(({ serveOthers }) => serveOthers(parts));
    const http = await others;
    http.emit('connection', socket);
    socket.resume();
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    readRequests(socket, {
      ...parts,
      passOn: (passed) =>
        void passOn(passed).catch(() => {
          // The next connection tries to load the module again.
          others = undefined;
          passed.destroy();
        }),
    });
  });
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

const responseOf = ({ status, body, json, tokenAccepted = false, silent = false }: Reply): ActionResponse => ({
  status,
  json: json ?? JSON.stringify(body),
  tokenAccepted,
  silent,
});

/** The text of UTF-8. Node.js decodes Latin-1, of which ASCII is a part, in a tenth of the time. */
const textOf = (bytes: Buffer): string => bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');

function isToken(sent: string | undefined, expected: Buffer): boolean {
  if (sent === undefined) return false;
  const bytes = Buffer.from(sent);
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
