import type { Logger } from '../shared/logging/Logger.js';
import type { ArtifactStore } from '../shared/store/ArtifactStore.js';

const POLL_INTERVAL_MS = 5 * 60_000;

/** The namespaces whose activations do not run: blocked, or with a limit of 0. Read from the subjects periodically. */
export class NamespaceBlacklist {
  readonly #subjects: ArtifactStore;
  readonly #log: Logger;
  #blocked: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;

  constructor(subjects: ArtifactStore, log: Logger) {
    this.#subjects = subjects;
    this.#log = log;
  }

  has(namespace: string): boolean {
    return this.#blocked.has(namespace);
  }

  /** Reads the list now and every five minutes. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.refresh(), POLL_INTERVAL_MS);
    this.#timer.unref();
    await this.refresh();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the list. Keeps the old list if the store does not answer. */
  async refresh(): Promise<void> {
    try {
      const rows = await this.#subjects.query('namespaceThrottlings/blockedNamespaces', {
        startKey: '',
        endKey: '\uffff',
      });
      this.#blocked = new Set(rows.flatMap(({ key }) => (typeof key === 'string' ? [key] : [])));
    } catch (error) {
      this.#log.error('could not read the blocked namespaces', { error });
    }
  }
}
