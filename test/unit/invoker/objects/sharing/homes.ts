import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { newlyOwned, nextEpoch, type CopySet, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopyRequests } from '../../../../../invoker/objects/sharing/CopyRequests.js';
import { CopySets, type CopySetState } from '../../../../../invoker/objects/sharing/CopySets.js';
import type { ObjectStore } from '../../../../../invoker/objects/sharing/ObjectStore.js';
import { Holders } from '../../../../../invoker/objects/sharing/Holders.js';
import type { AskInvokers } from '../../../../../invoker/objects/sharing/noSet.js';
import { PeerClient, PeerError, type PeerRequest } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { Recovery } from '../../../../../invoker/objects/sharing/Recovery.js';
import { Replication } from '../../../../../invoker/objects/sharing/Replication.js';
import { Safety } from '../../../../../invoker/objects/sharing/Safety.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import { at, newMemory, put, textOf } from '../memory/memories.js';
import { GUEST, SECRET, type Node } from './cluster.js';

export const COLOR = 'c';
/** The number of a `TestHome`. */
export const HOME = 9;
export const silent = (): PeerError => new PeerError('silent', 'the invoker does not answer');
export const peerOf = ({ instance, proxy }: Node): Peer => ({ instance, url: `http://127.0.0.1:${proxy.port}` });

type Send = () => Promise<unknown>;

/** A client over a network that loses answers and delays requests. */
class LossyPeers extends PeerClient {
  /** What happens to the next request of the operation. */
  #next: { operation: string; run: (send: Send) => Promise<unknown> } | undefined;

  constructor() {
    super(SECRET, 'invoker9');
  }

  on(operation: string, run: (send: Send) => Promise<unknown>): void {
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

/** For an owner that asks no other invokers about sets. */
export const aloneWith = (peers: PeerClient) => ({
  holders: new Holders(
    peers,
    () => 0,
    () => undefined,
  ),
  askInvokers: async () => ({ up: [], away: [] }),
});

interface TestHomeOptions {
  /** The sets that it has been told of. */
  readonly copies?: readonly CopySet[];
  /** The set from which its objects came. */
  readonly base?: CopySetState | undefined;
  /** Missing: none. */
  readonly store?: ObjectStore | undefined;
  readonly memory?: ObjectMemory;
}

/** The owner of the color `c`. */
export class TestHome {
  readonly memory: ObjectMemory;
  readonly peers = new LossyPeers();
  readonly requests: CopyRequests;
  readonly owned: Owned;
  readonly holders: Holders;
  readonly recovery: Recovery;
  readonly replication: Replication;
  readonly safety: Safety;
  /** Those that it keeps itself. */
  readonly sets: CopySets;
  readonly storedKeys = new StoredKeyLists();
  readonly store: ObjectStore | undefined;
  /** Whether it is still the owner, and whether it has not lost the color in silence. */
  isOwned = true;
  isHeld = true;
  now = (): number => performance.now();
  /** All invokers as a controller names them. */
  askInvokers: AskInvokers = async () => ({ up: [...this.owned.others], away: [] });

  constructor({ copies = [], base, store, memory = newMemory() }: TestHomeOptions = {}) {
    this.memory = memory;
    this.store = store;
    this.sets = new CopySets(memory);
    const now = (): number => this.now();
    this.requests = new CopyRequests(this.peers, now);
    this.holders = new Holders(this.peers, now, () => undefined);
    this.owned = newlyOwned({
      namespace: GUEST,
      color: COLOR,
      policy: undefined,
      epoch: nextEpoch(0),
      lapses: 0,
      validMs: 1000,
      base,
    });
    for (const set of copies) this.owned.copies.set(set.peer.instance, set);
    const { peers, sets, requests, storedKeys } = this;
    const owned = (): Owned | undefined => (this.isOwned ? this.owned : undefined);
    const parts = { memory, peers, sets, requests, store, storedKeys, now, owned };
    this.recovery = new Recovery(parts);
    this.replication = new Replication({
      ...parts,
      instance: HOME,
      holders: this.holders,
      askInvokers: () => this.askInvokers(),
      changing: {
        changingKeys: (color) => this.safety.changingKeys(color),
        toCopy: (...object) => this.safety.toCopy(...object),
      },
    });
    const { replication, recovery } = this;
    this.safety = new Safety({ ...parts, recovery, replication, held: () => this.isHeld });
  }

  /** Completes a set at an invoker. */
  ensure(node: Node): Promise<CopySet> {
    return this.replication.ensure(GUEST, COLOR, this.owned, peerOf(node));
  }

  /** Writes an object into its memory only. */
  put(key: string, text: string, persistence: Persistence = 'replicated', ttlMs?: number) {
    return put(this.memory, GUEST, key, text, this.now(), { persistence, ttlMs }).object;
  }

  /** Changes an object, and makes the change safe. */
  async change(key: string, text: string, persistence: Persistence = 'replicated', ttlMs?: number): Promise<void> {
    const before = this.memory.peek(GUEST, at(key), this.now());
    const object = this.put(key, text, persistence, ttlMs);
    await this.safety.settle({ namespace: GUEST, address: at(key), object, before });
  }

  async remove(key: string): Promise<void> {
    const before = this.memory.delete(GUEST, at(key), undefined, this.now());
    await this.safety.settle({ namespace: GUEST, address: at(key), object: undefined, before });
  }

  textOf(key: string): string | undefined {
    return textOf(this.memory.peek(GUEST, at(key), this.now()));
  }
}

/** Owners outside of a cluster, which keep copies at its invokers. */
export class TestHomes {
  #homes: TestHome[] = [];

  /** @param next the next homes. */
  add(options: TestHomeOptions = {}, ...next: readonly Node[]): TestHome {
    const home = new TestHome(options);
    home.owned.others = next.map(peerOf);
    this.#homes.push(home);
    return home;
  }

  async close(): Promise<void> {
    for (const { peers } of this.#homes) await peers.close();
    this.#homes = [];
  }
}
