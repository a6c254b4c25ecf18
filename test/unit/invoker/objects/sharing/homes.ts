import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { newlyOwned, nextEpoch, type CopySet, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { Holders } from '../../../../../invoker/objects/sharing/Holders.js';
import type { ObjectStore } from '../../../../../invoker/objects/sharing/ObjectStore.js';
import { PeerClient, PeerError, type PeerRequest } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { Recovery } from '../../../../../invoker/objects/sharing/Recovery.js';
import { Replication } from '../../../../../invoker/objects/sharing/Replication.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { newMemory } from '../memory/memories.js';
import { SECRET } from './cluster.js';

export const silent = (): PeerError => new PeerError('silent', 'the invoker does not answer');

/** A client over a network that loses answers and delays requests. */
export class LossyPeers extends PeerClient {
  /** What happens to the next request of the operation. */
  #next: { operation: string; run: (send: () => Promise<unknown>) => Promise<unknown> } | undefined;

  constructor() {
    super(SECRET, 'invoker9');
  }

  on(operation: string, run: (send: () => Promise<unknown>) => Promise<unknown>): void {
    this.#next = { operation, run };
  }

  /** The next request of the operation is executed, and its answer is lost. */
  loseAnswer(operation: string): void {
    this.on(operation, async (send) => {
      await send();
      throw silent();
    });
  }

  /** The next request of the operation gets no answer. @returns a function that delivers it. */
  delay(operation: string): () => Promise<unknown> {
    let deliver = (): Promise<unknown> => Promise.reject(new Error('there was no such request'));
    this.on(operation, async (send) => {
      deliver = send;
      throw silent();
    });
    return () => deliver();
  }

  /** Runs before the next `take`. */
  beforeTake: () => Promise<unknown> = async () => undefined;

  override async send(...asked: Parameters<PeerClient['send']>): ReturnType<PeerClient['send']> {
    const before = this.beforeTake;
    this.beforeTake = async () => undefined;
    await before();
    return super.send(...asked);
  }

  override ask(peer: Peer, asked: PeerRequest): Promise<unknown> {
    const send = (): Promise<unknown> => super.ask(peer, asked);
    const next = this.#next;
    if (next?.operation !== asked.operation) return send();
    this.#next = undefined;
    return next.run(send);
  }
}

/** The owner of a color. */
export interface TestHome {
  readonly memory: ObjectMemory;
  readonly peers: LossyPeers;
  readonly owned: Owned;
  readonly recovery: Recovery;
  readonly replication: Replication;
  /** Those that it keeps itself. */
  readonly sets: CopySets;
  readonly holders: Holders;
}

/** Owners of colors outside of a cluster, which keep copies at its invokers. */
export class TestHomes {
  #homes: TestHome[] = [];

  /**
   * @param sets that it has been told of.
   * @param afterFetch runs when it has fetched an object.
   * @param store missing: none.
   */
  add(
    sets: readonly CopySet[] = [],
    afterFetch: (home: TestHome, key: string) => void = () => undefined,
    store?: ObjectStore,
  ): TestHome {
    const now = (): number => performance.now();
    const [memory, peers] = [newMemory(), new LossyPeers()];
    const owned = newlyOwned({ policy: undefined, epoch: nextEpoch(0), lapses: 0, validMs: 1000 });
    for (const set of sets) owned.copies.set(set.peer.instance, set);
    const parts = {
      memory,
      peers,
      sets: new CopySets(memory),
      holders: new Holders(peers, now, () => undefined),
      store,
      storedKeys: new StoredKeyLists(),
      now,
      owned: () => owned,
    };
    const recovery = new Recovery(parts);
    const replication = new Replication({
      ...parts,
      replaces: () => false,
      fetch: async (namespace, address) => {
        if (memory.peek(namespace, address, now())) return false;
        const isGone = (await recovery.recover(namespace, address, owned)) === 'missing';
        afterFetch(home, address.key);
        return isGone;
      },
    });
    const home: TestHome = { memory, peers, owned, recovery, replication, sets: parts.sets, holders: parts.holders };
    this.#homes.push(home);
    return home;
  }

  async close(): Promise<void> {
    for (const { peers } of this.#homes) await peers.close();
    this.#homes = [];
  }
}
