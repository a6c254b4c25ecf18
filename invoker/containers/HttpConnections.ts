import { Queue } from '../../shared/process/Queue.js';
import {
  HttpConnection,
  type ConnectionOptions,
  type ContainerAddress,
  type Exchange,
  type HttpRequest,
} from './HttpConnection.js';

/** A request that has been passed to `HttpConnections.send`. */
export interface Sending {
  /** Gives the request up: its connection is closed, and its exchange is told nothing more. */
  abort(): void;
  /** Reads no more of the response until `resume`. */
  pause(): void;
  resume(): void;
}

interface Sent extends Sending {
  readonly request: HttpRequest;
  exchange: Exchange | undefined;
  connection: HttpConnection | undefined;
  /** Whether it is in the queue. */
  isQueued: boolean;
}

/** Persistent connections to one container or invoker. Requests wait while all are busy. */
export class HttpConnections {
  readonly #address: ContainerAddress;
  readonly #max: number;
  readonly #options: ConnectionOptions;
  readonly #all = new Set<HttpConnection>();
  readonly #idle: HttpConnection[] = [];
  /**
   * Bounded by the callers: the pool sends a container no more activations than its concurrency, and a few besides; and each
   * namespace has a bound on its reads of another invoker.
   */
  #waiting = new Queue<Sent>();
  /** The number of requests in the queue that have been given up. */
  #abandoned = 0;

  /** @param max the most open connections */
  constructor(address: ContainerAddress, max: number, options: ConnectionOptions = {}) {
    this.#address = address;
    this.#max = max;
    this.#options = options;
  }

  /** The length of the queue. Less than half of it are requests that have been given up. */
  get queued(): number {
    return this.#waiting.size;
  }

  send(request: HttpRequest, exchange: Exchange): Sending {
    const sent: Sent = {
      request,
      exchange,
      connection: undefined,
      isQueued: false,
      abort: () => {
        if (sent.isQueued && sent.exchange) this.#abandon(sent);
        sent.exchange = undefined;
        sent.connection?.close(new Error('the request is given up'));
      },
      pause: () => sent.connection?.pause(),
      resume: () => sent.connection?.resume(),
    };
    if (this.#hasRoom()) this.#start(sent);
    else {
      sent.isQueued = true;
      this.#waiting.push(sent);
    }
    return sent;
  }

  /** Closes all connections. Requests under way and waiting ones fail. */
  destroy(): void {
    const waiting = this.#waiting;
    this.#waiting = new Queue();
    this.#abandoned = 0;
    const error = new Error('the connections are closed');
    for (const connection of this.#all) connection.close(error);
    for (let sent = waiting.shift(); sent; sent = waiting.shift()) {
      sent.isQueued = false;
      sent.exchange?.failed(error);
    }
  }

  /** Removes given up requests once they are half of the queue: then each one costs a constant time. */
  #abandon(sent: Sent): void {
    sent.exchange = undefined;
    this.#abandoned++;
    if (this.#abandoned * 2 < this.#waiting.size) return;
    const kept = new Queue<Sent>();
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) if (next.exchange) kept.push(next);
    this.#waiting = kept;
    this.#abandoned = 0;
  }

  #hasRoom(): boolean {
    return this.#idle.length > 0 || this.#all.size < this.#max;
  }

  #start(sent: Sent): void {
    const connection = this.#take();
    sent.connection = connection;
    const { exchange } = sent;
    // `abort` may be called inside any of these.
    connection.send(sent.request, {
      started: () => exchange?.started(),
      head: (head, text) => sent.exchange?.head(head, text),
      data: (chunk) => sent.exchange?.data(chunk),
      place: () => sent.exchange?.place?.(),
      end: () => {
        // The connection may have the next request already.
        sent.connection = undefined;
        sent.exchange?.end();
      },
      failed: (error) => {
        sent.connection = undefined;
        sent.exchange?.failed(error);
      },
    });
  }

  #take(): HttpConnection {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.usable) return idle;
      idle.close(new Error('the connection was idle for too long'));
    }
    const connection = new HttpConnection(this.#address, (free) => this.#freed(free), this.#options);
    this.#all.add(connection);
    return connection;
  }

  #freed(connection: HttpConnection): void {
    if (connection.closed) {
      this.#all.delete(connection);
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    } else this.#idle.push(connection);
    while (this.#hasRoom()) {
      const next = this.#waiting.shift();
      if (!next) return;
      next.isQueued = false;
      if (next.exchange) this.#start(next);
      else this.#abandoned--;
    }
  }
}
