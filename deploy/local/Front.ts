import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { attempt, isRepeatable, readBody, BodyTooLargeError, type Passed } from './forwarding.js';
import { Target } from './Target.js';
import { portOf } from './ports.js';

/** A reverse proxy with one address for several controllers. */
export interface Front {
  readonly base: string;
  readonly port: number;
  /** Sets the controllers, which get the requests in turns. */
  forwardTo(controllers: readonly string[]): void;
  close(): void;
}

export interface FrontOptions {
  /** Missing or 0: any free port. */
  readonly port?: number | undefined;
  /** An additional address besides 127.0.0.1, for requests from containers. */
  readonly gateway?: string | undefined;
  /** Called once when a controller stops answering, and once when it answers again after `awayMs`. */
  readonly onChange?: ((controller: string, awayMs: number | undefined) => void) | undefined;
}

/** The longest wait for the response to a blocking invocation, as behind nginx, in ms. */
const ANSWER_MS = 75_000;
/** The longest wait of a request for a controller that does not answer `/ping`, in ms. */
const AWAY_MS = 30_000;
/** The longest time for the arrival of a request, in ms. */
const REQUEST_MS = 60_000;

/**
 * Starts the proxy. It has its address before the controllers start, since they need the address.
 *
 * A request goes to the next controller that answers. If a controller does not take it, another one gets it. If a
 * controller took it and then fails, another one gets it only if the request is repeatable, since an invocation must
 * not run twice.
 *
 * @throws the error of `listen`.
 */
export async function startFront({ port = 0, gateway, onChange }: FrontOptions = {}): Promise<Front> {
  let targets: readonly Target[] = [];
  let turn = 0;
  const listener: RequestListener = (incoming, outgoing) => {
    const first = turn++;
    // Try controllers that answer first. The others may be available again since the last check.
    const inTurns = [...targets.slice(first % targets.length), ...targets.slice(0, first % targets.length)];
    void serve([...inTurns.filter(({ up }) => up), ...inTurns.filter(({ up }) => !up)], incoming, outgoing);
  };
  const open = async (place: { port: number; host: string }) => {
    const server = createServer({ requestTimeout: REQUEST_MS }, listener).listen(place);
    await once(server, 'listening');
    return server;
  };
  const server = await open({ port, host: '127.0.0.1' });
  const taken = portOf(server);
  const servers = [server, ...(gateway === undefined ? [] : [await open({ port: taken, host: gateway })])];
  const forget = (): void => {
    for (const target of targets) target.close();
    targets = [];
  };
  return {
    base: `http://127.0.0.1:${taken}`,
    port: taken,
    forwardTo(controllers) {
      forget();
      targets = controllers.map((url) => new Target(url, (awayMs) => onChange?.(url, awayMs)));
    },
    close() {
      forget();
      for (const one of servers) {
        one.close();
        one.closeAllConnections();
      }
    },
  };
}

/** Forwards a request to the targets, in order, until one of them responds. Never rejects. */
async function serve(targets: readonly Target[], incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  let body: Buffer;
  try {
    // Forward a request after it has arrived completely, as nginx does.
    body = await readBody(incoming);
  } catch (error) {
    if (error instanceof BodyTooLargeError) refuse(outgoing, 413, error.message);
    return;
  }
  const repeatable = isRepeatable(incoming.method ?? 'GET', incoming.url ?? '/');
  const until = performance.now() + ANSWER_MS;
  let last: Passed = 'unsent';
  for (const target of targets) {
    const limits = { repeatable, answerMs: until - performance.now(), awayMs: AWAY_MS };
    last = await attempt(target, incoming, body, outgoing, limits);
    if (last === 'answered' || outgoing.destroyed) return;
    if (last !== 'unsent' && !repeatable) break;
  }
  if (targets.length === 0) refuse(outgoing, 503, 'The controllers are starting.');
  else if (last === 'unsent') refuse(outgoing, 503, 'No controller takes requests.');
  else if (last === 'broken') refuse(outgoing, 502, `The controller ended before its response.${mayRun(repeatable)}`);
  else refuse(outgoing, 504, `The controller did not respond in time.${mayRun(repeatable)}`);
}

const mayRun = (repeatable: boolean): string =>
  repeatable ? '' : ' It may have taken the request, so the request was not repeated.';

function refuse(outgoing: ServerResponse, status: number, error: string): void {
  if (outgoing.headersSent) return;
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    // Do not read the rest of a body that is too large.
    ...(status === 413 ? { connection: 'close' } : {}),
  });
  outgoing.end(JSON.stringify({ error }));
}
