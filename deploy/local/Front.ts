import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { attempt, isRepeatable, readBody, BodyTooLargeError, type Passed } from './forwarding.js';
import { Target } from './Target.js';
import { portOf } from './ports.js';

/** One address in front of several controllers, as a proxy gives them. */
export interface Front {
  readonly base: string;
  readonly port: number;
  /** From now on requests go to these, in turns. */
  forwardTo(controllers: readonly string[]): void;
  close(): void;
}

export interface FrontOptions {
  /** Missing or 0: any free port. */
  readonly port?: number | undefined;
  /** An address besides 127.0.0.1, from which containers come. */
  readonly gateway?: string | undefined;
  /** Called once when a controller stops to answer, and once when it answers again after `awayMs`. */
  readonly onChange?: ((controller: string, awayMs: number | undefined) => void) | undefined;
}

/** How long the answer of a blocking invocation may take, as behind nginx, in ms. */
const ANSWER_MS = 75_000;
/** How long a request waits for a controller that no longer answers, in ms. */
const AWAY_MS = 30_000;
/** A client sends its request within this time, in ms. */
const REQUEST_MS = 60_000;

/**
 * It has its address before there are controllers, so that these can be told.
 *
 * A request goes to the next controller that answers. Where a controller does not take it, another one gets it. Where a
 * controller took it and then fails, another one is asked only if the request is repeatable: an invocation must not run
 * twice.
 *
 * @throws what listening fails with.
 */
export async function startFront({ port = 0, gateway, onChange }: FrontOptions = {}): Promise<Front> {
  let targets: readonly Target[] = [];
  let turn = 0;
  const listener: RequestListener = (incoming, outgoing) => {
    const first = turn++;
    // Those that answer come first; the others may have come back since they were asked.
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

/** Answers a request from one of the targets, which are asked in their order. Never rejects. */
async function serve(targets: readonly Target[], incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  let body: Buffer;
  try {
    // A request goes on once the whole of it is there, as behind nginx.
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
  else if (last === 'broken') refuse(outgoing, 502, `The controller ended before its answer.${mayRun(repeatable)}`);
  else refuse(outgoing, 504, `The controller did not answer in time.${mayRun(repeatable)}`);
}

const mayRun = (repeatable: boolean): string =>
  repeatable ? '' : ' It may have taken the request, so no other one was asked.';

function refuse(outgoing: ServerResponse, status: number, error: string): void {
  if (outgoing.headersSent) return;
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    // What is left of a body that is too large is not read.
    ...(status === 413 ? { connection: 'close' } : {}),
  });
  outgoing.end(JSON.stringify({ error }));
}
