import type { LineListener } from '../ContainerDriver.js';
import type { StreamName } from './LogBuffer.js';

/** Which activation a line of one container belongs to, while the activation runs. Without listeners it does nothing. */
export interface LineListeners {
  /** To be called before a request to the container. */
  begin(path: '/init' | '/run', listener: LineListener): void;
  /** To be called after the response. @param silent whether no sentinels follow */
  end(listener: LineListener, silent: boolean): void;
  sentinel(stream: StreamName): void;
  line(stream: StreamName, line: string): void;
}

/**
 * For a container that runs one activation at a time. The next run may begin before the last lines of the earlier one
 * arrive, so each stream has a queue: its first sentinel ends the lines of the first listener.
 * @param collected returns whether the logs of all earlier activations were taken. Bounds the queues, since the pool
 * waits for logs.
 */
export class ListenersInTurn implements LineListeners {
  readonly #collected: () => boolean;
  readonly #queues: Record<StreamName, LineListener[]> = { stdout: [], stderr: [] };

  constructor(collected: () => boolean) {
    this.#collected = collected;
  }

  begin(_path: '/init' | '/run', listener: LineListener): void {
    // A successful initialization writes no sentinel: its last lines belong to the first run.
    const waiting = this.#collected() ? [] : undefined;
    this.#queues.stdout = [...(waiting ?? this.#queues.stdout), listener];
    this.#queues.stderr = [...(waiting ?? this.#queues.stderr), listener];
  }

  end(listener: LineListener, silent: boolean): void {
    // Otherwise the sentinels end its lines.
    if (!silent) return;
    this.#queues.stdout = this.#queues.stdout.filter((other) => other !== listener);
    this.#queues.stderr = this.#queues.stderr.filter((other) => other !== listener);
  }

  sentinel(stream: StreamName): void {
    this.#queues[stream].shift();
  }

  line(stream: StreamName, line: string): void {
    this.#queues[stream][0]?.(line, true);
  }
}

/**
 * For a container that runs several activations at a time. Their lines cannot be told apart, but for those of an
 * activation that is alone: then each stream lacks one sentinel at most.
 */
export class ListenersAtOnce implements LineListeners {
  readonly #running = new Set<LineListener>();
  /** The sentinels that will still come, by stream. */
  readonly #pending: Record<StreamName, number> = { stdout: 0, stderr: 0 };

  begin(path: '/init' | '/run', listener: LineListener): void {
    this.#running.add(listener);
    if (path === '/init') return;
    this.#pending.stdout += 1;
    this.#pending.stderr += 1;
  }

  end(listener: LineListener, silent: boolean): void {
    this.#running.delete(listener);
    if (!silent) return;
    this.sentinel('stdout');
    this.sentinel('stderr');
  }

  sentinel(stream: StreamName): void {
    this.#pending[stream] = Math.max(0, this.#pending[stream] - 1);
  }

  line(stream: StreamName, line: string): void {
    const [first] = this.#running;
    first?.(line, this.#running.size === 1 && this.#pending[stream] <= 1);
  }
}
