import { createRequire } from 'node:module';

/** Makes the bytes of a whole request, with its head. */
export type MakeFrame = (correlationId: number, clientId: string) => Buffer;

/** The frames of requests that are made at once, in one buffer. */
const frames = new WeakMap<object, MakeFrame>();

/** Lets connections send a request of kafkajs in this form. */
export const hasFrame = <R extends object>(request: R, make: MakeFrame): R => {
  frames.set(request, make);
  return request;
};

/**
 * Patches how connections of kafkajs 2.2.4 send a request that has a frame. kafkajs copies each request twice, makes texts for
 * its log even if nobody reads it, and passes the request and the response through a dozen promises. Everything unusual is left
 * to kafkajs, such as a connection that has to authenticate first.
 */
export function sendFrames(): void {
  const loaded: unknown = createRequire(import.meta.url)('kafkajs/src/network/connection.js');
  if (!hasSend(loaded)) return;
  const { prototype } = loaded;
  const { send } = prototype;
  if (send.sendsFrames === true) return;
  const short: Send = function (exchange) {
    const { request } = exchange;
    const make = frames.get(request);
    const isReady = this.isConnected() && (!this.sasl || this.isAuthenticated());
    if (!make || !isReady) return send.call(this, exchange);
    return new Promise((resolve, reject) => sendFrame(this, make, exchange, resolve, reject));
  };
  prototype.send = Object.assign(short, { sendsFrames: true });
}

function sendFrame(
  connection: Connection,
  make: MakeFrame,
  { request, response, requestTimeout = null, logResponseError = true }: Exchange,
  resolve: (result: unknown) => void,
  reject: (error: unknown) => void,
): void {
  const { requestQueue, clientId } = connection;
  const { apiKey, apiName, apiVersion } = request;
  const correlationId = connection.nextCorrelationId();
  const frame = make(correlationId, clientId);
  const failed = (error: unknown): void => {
    if (logResponseError) connection.logError(`Response ${apiName}`, { error: String(error), correlationId });
    reject(error);
  };
  const parse = (decoded: Decoded): void => {
    requestQueue.maybeThrottle(decoded.clientSideThrottleTime ?? null);
    response.parse(decoded).then(resolve, failed);
  };
  const read = ({ payload }: { readonly payload: Buffer }): void => {
    try {
      const decoded = response.decode(payload);
      if (decoded instanceof Promise) decoded.then(parse).catch(failed);
      else parse(decoded);
    } catch (error) {
      failed(error);
    }
  };
  requestQueue.push({
    entry: { apiKey, apiName, apiVersion, correlationId, resolve: read, reject },
    expectResponse: true,
    requestTimeout,
    sendRequest: () => connection.socket.write(frame),
  });
}

function hasSend(loaded: unknown): loaded is { readonly prototype: Connection } {
  if (typeof loaded !== 'function') return false;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== 'object' || prototype === null) return false;
  return ['send', 'isConnected', 'isAuthenticated', 'nextCorrelationId'].every(
    (name) => typeof Reflect.get(prototype, name) === 'function',
  );
}

/* The interfaces are those of kafkajs 2.2.4. */

interface Send {
  (this: Connection, exchange: Exchange): Promise<unknown>;
  sendsFrames?: boolean;
}

interface Connection {
  readonly clientId: string;
  /** Missing: nobody authenticates. */
  readonly sasl: object | null | undefined;
  readonly socket: { write(bytes: Buffer): unknown };
  readonly requestQueue: {
    push(request: PushedRequest): void;
    maybeThrottle(ms: number | null): void;
  };
  send: Send;
  isConnected(): boolean;
  isAuthenticated(): boolean;
  nextCorrelationId(): number;
  logError(text: string, fields: object): void;
}

interface PushedRequest {
  readonly entry: RequestNames & {
    readonly correlationId: number;
    readonly resolve: (answer: { readonly payload: Buffer }) => void;
    readonly reject: (error: unknown) => void;
  };
  readonly expectResponse: true;
  readonly requestTimeout: number | null;
  readonly sendRequest: () => void;
}

interface RequestNames {
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
}

interface Decoded {
  readonly clientSideThrottleTime?: number | null;
}

interface Exchange {
  readonly request: RequestNames;
  readonly response: {
    readonly decode: (bytes: Buffer) => Decoded | Promise<Decoded>;
    readonly parse: (decoded: Decoded) => Promise<unknown>;
  };
  readonly requestTimeout?: number | null;
  readonly logResponseError?: boolean;
}
