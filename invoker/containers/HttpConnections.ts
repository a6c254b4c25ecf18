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

  /** @param max the most open connections */
  constructor(address: ContainerAddress, max: number, options: ConnectionOptions = {}) {
    this.#address = address;
    this.#max = max;
    this.#options = options;
  }

  send(request: HttpRequest, exchange: Exchange): Sending {
    const sent: Sent = {
      request,
      exchange,
      connection: undefined,
      abort() {
        sent.exchange = undefined;
        sent.connection?.close(new Error('the request is given up'));
      },
      pause: () => sent.connection?.pause(),
      resume: () => sent.connection?.resume(),
    };
    if (this.#hasRoom()) this.#start(sent);
    else this.#waiting.push(sent);
    return sent;
  }

  /** Closes all connections. Requests under way and waiting ones fail. */
  destroy(): void {
    const waiting = this.#waiting;
    this.#waiting = new Queue();
    const error = new Error('the connections are closed');
    for (const connection of this.#all) connection.close(error);
    for (let sent = waiting.shift(); sent; sent = waiting.shift()) sent.exchange?.failed(error);
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
      if (next.exchange) this.#start(next);
    }
  }
}
