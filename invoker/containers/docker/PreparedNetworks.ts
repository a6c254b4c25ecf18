import type Docker from 'dockerode';
import type { Logger } from '../../../shared/logging/Logger.js';
import { backOff, retry } from '../../../shared/process/retry.js';
import type { ContainerAddress } from '../HttpConnection.js';
import { TaskLimit } from '../TaskLimit.js';
import { addressOf } from './address.js';
import { engineCall, type EngineLimits } from './engineCall.js';
import type { EngineEvents } from './EngineEvents.js';
import { ensureHolderImage } from './holderImage.js';
import { Remains, removeContainer, statusOf } from './removal.js';
import { holderOptions, type DockerSettings } from './settings.js';

/*
 * A prepared network is the network namespace of a container of its own, the holder, which does nothing else. An action
 * container joins it, so that its start needs no work on networks: the engine takes 100 to 150 ms for that.
 *
 *   making -> ready    the holder runs, and its address is known
 *   making -> (gone)   it could not be made; the next attempt follows after a pause
 *   ready  -> taken    `take`: for one container
 *   ready  -> (gone)   the holder ended, or `close`
 *   taken  -> ready    `giveBack`: the container was not created, so nothing has joined
 *   taken  -> (gone)   `discard`, after the container is removed: a used namespace is not used again
 */

/** A network namespace with an address, for one container. */
export interface PreparedNetwork {
  /** The id of the holder. */
  readonly holder: string;
  readonly address: ContainerAddress;
}

export interface PreparedNetworksParts {
  readonly docker: Docker;
  readonly log: Logger;
  readonly settings: DockerSettings;
  readonly limits: EngineLimits;
  readonly events: EngineEvents;
  /** Whether containers are being started. Their starts come before the preparation of networks. */
  readonly busy: () => boolean;
}

/** The pause before networks are prepared after a start, in ms: the runtime needs the processor first. */
const REST_MS = 250;
const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 60_000;
/** The most concurrent removals of holders. */
const REMOVALS = 2;

interface Holder extends PreparedNetwork {
  readonly name: string;
  readonly container: Docker.Container;
  lost: boolean;
}

/** Keeps some networks ready. */
export class PreparedNetworks {
  readonly #parts: PreparedNetworksParts;
  readonly #ready: Holder[] = [];
  readonly #taken = new Map<string, Holder>();
  /** The names of holders from their creation until their removal. */
  readonly #names = new Set<string>();
  readonly #removals = new TaskLimit(REMOVALS);
  readonly #removing = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  /** Distinguishes the names of this run from those of earlier runs. */
  readonly #run = Date.now().toString(36);
  #count = 0;
  #filling: Promise<void> | undefined;
  #rest: NodeJS.Timeout | undefined;
  #hasImage = false;
  #failing = false;

  constructor(parts: PreparedNetworksParts) {
    this.#parts = parts;
  }

  /** Whether the name is that of a holder of this run. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Prepares the missing networks, one after the other. To be called at the start, and when a start has ended. */
  fill(restMs = REST_MS): void {
    if (this.#closed.signal.aborted) return;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
    }, restMs).unref();
  }

  /** Takes a ready network for one container; undefined if there is none now. */
  take(): PreparedNetwork | undefined {
    const holder = this.#ready.shift();
    if (holder) this.#taken.set(holder.holder, holder);
    return holder;
  }

  /** To be called with a network that no container has joined. */
  giveBack({ holder }: PreparedNetwork): void {
    const found = this.#taken.get(holder);
    if (!found) return;
    this.#taken.delete(holder);
    if (found.lost || this.#closed.signal.aborted) this.#remove(found);
    else this.#ready.unshift(found);
  }

  /** To be called when the network's container is removed, or did not start. */
  discard({ holder }: PreparedNetwork): void {
    const found = this.#taken.get(holder);
    if (!found) return;
    this.#taken.delete(holder);
    this.#remove(found);
  }

  /** Removes all holders. To be called when all containers are removed. */
  async close(): Promise<void> {
    clearTimeout(this.#rest);
    this.#closed.abort(new Error('the networks are closed'));
    await this.#filling;
    for (const holder of [...this.#ready.splice(0), ...this.#taken.values()]) this.#remove(holder);
    this.#taken.clear();
    await Promise.all(this.#removing);
  }

  /** Never rejects. */
  async #fill(): Promise<void> {
    const { log, settings, busy } = this.#parts;
    const wanted = (): boolean => this.#ready.length < settings.preparedNetworks && !busy();
    try {
      while (wanted()) {
        this.#closed.signal.throwIfAborted();
        // Without a limit, since an outage of the engine may take any time. Meanwhile containers start without it.
        const holder = await retry(() => this.#prepare(), {
          delayMs: backOff(FIRST_DELAY_MS, MAX_DELAY_MS),
          onFailure: (error) => {
            if (!this.#failing) log.warn('cannot prepare networks; containers start more slowly', { error });
            this.#failing = true;
          },
          signal: this.#closed.signal,
          ref: false,
        });
        if (this.#failing) log.info('prepares networks again');
        this.#failing = false;
        this.#ready.push(holder);
      }
    } catch (error) {
      if (!this.#closed.signal.aborted) log.error('stopped preparing networks', { error });
    }
  }

  async #prepare(): Promise<Holder> {
    const { docker, settings, limits, events } = this.#parts;
    const name = `${settings.owner}_network_${this.#run}_${++this.#count}`;
    this.#names.add(name);
    let id = '';
    try {
      if (!this.#hasImage) await ensureHolderImage(docker, limits.callMs);
      this.#hasImage = true;
      const creation = docker.createContainer(holderOptions(name, settings));
      const container = await engineCall('the creation of a network holder', limits.callMs, creation);
      id = container.id;
      const { died } = events.watch(id);
      await engineCall('the start of a network holder', limits.callMs, container.start());
      const info = await engineCall('the request for an address', limits.callMs, container.inspect());
      const address = addressOf(info, settings);
      if (!address) throw new Error(`the network holder has no address in the network '${settings.network}'`);
      const holder: Holder = { holder: id, address, name, container, lost: false };
      void died.then(() => this.#lose(holder));
      return holder;
    } catch (error) {
      if (statusOf(error) === 404) this.#hasImage = false;
      events.forget(id);
      this.#track(this.#forget(name, Remains.of(docker.getContainer(name), limits.callMs)));
      throw error;
    }
  }

  /** Handles the end of a holder. */
  #lose(holder: Holder): void {
    holder.lost = true;
    const index = this.#ready.indexOf(holder);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    this.#remove(holder);
    this.fill();
  }

  #remove({ name, container }: Holder): void {
    this.#parts.events.forget(container.id);
    this.#track(
      this.#removals.run(() =>
        this.#forget(name, {
          destroy: async () => {
            await removeContainer(container, this.#parts.limits.callMs);
          },
        }),
      ),
    );
  }

  /** Removes a holder. One that stays counts as a leftover, which the driver looks for each minute. Never rejects. */
  async #forget(name: string, remains: { destroy(): Promise<void> }): Promise<void> {
    try {
      await remains.destroy();
    } catch (error) {
      this.#parts.log.warn(`cannot remove the network holder ${name} now`, { error });
    }
    this.#names.delete(name);
  }

  #track(removal: Promise<void>): void {
    const tracked = removal.finally(() => this.#removing.delete(tracked));
    this.#removing.add(tracked);
  }
}
