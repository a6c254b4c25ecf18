import * as z from 'zod';
import type { Location, Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath, type ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { within } from '../../../shared/process/within.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { Owned } from './ColorStates.js';
import { colorKey } from './colorKey.js';
import { originalOf } from './copies.js';
import type { CopySets } from './CopySets.js';
import type { KnownHomes } from './HomesCache.js';
import { Lanes } from './Lanes.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { pages } from './lists.js';
import type { Recovery } from './Recovery.js';
import type { Replication } from './Replication.js';

export interface DepartureParts {
  readonly instance: number;
  readonly memory: ObjectMemory;
  readonly peers: PeerClient;
  readonly replication: Replication;
  readonly recovery: Recovery;
  readonly sets: CopySets;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
  /** The latest ownership of this invoker, which may have ended. */
  readonly latest: (namespace: ObjectNamespace, color: string) => Owned | undefined;
  /** The homes as a controller names them now. */
  readonly freshHomes: (namespace: ObjectNamespace, color: string, policy: string | undefined) => Promise<KnownHomes>;
  /** Where the color is, which may take it over. */
  readonly freshLocation: (namespace: ObjectNamespace, color: string, policy: string | undefined) => Promise<Location>;
  /** Gets an object that this invoker owns into its memory. */
  readonly ready: (namespace: ObjectNamespace, address: ObjectAddress) => Promise<void>;
  readonly onWarning: (text: string, error: unknown) => void;
}

/** The most objects in one list. */
const PAGE = 1000;
/** The most colors that an invoker hands over to one home at the same time. */
const AT_ONCE = 8;
/** The most colors whose homes a controller is asked for at the same time: it may take long to answer. */
const ASKED_AT_ONCE = 16;
/** The limit for a home to gather the objects of one color, and the pause before the homes of all colors are asked again, in ms. */
const GATHER_MS = 30_000;
const PUSH_AGAIN_MS = 100;
/** The homes of colors that could not move are asked for again after so long, in ms, although others are still on their way. */
const ROUND_MS = 1000;
/** The time after which all know that this invoker leaves, in ms. */
const SETTLED_MS = 2000;
const gatheredSchema = z.object({ gathered: z.boolean() });

/** How an attempt to hand a color over ended. */
type Pushed = { readonly kind: 'moved' } | { readonly kind: 'failed'; readonly error: unknown };

/** Moves the objects of colors to their next homes when an invoker leaves: at both of them. */
export class Departure {
  readonly #parts: DepartureParts;

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  /**
   * Moves all objects of a color here, and copies replicated ones anew. For an invoker that drains.
   * @param from the name of that invoker.
   * @returns false if this invoker is not the home, or the other one still takes part: it may have the copies.
   * @throws ObjectError 503
   */
  async gather(namespace: ObjectNamespace, color: string, policy: string | undefined, from: string): Promise<boolean> {
    const { recovery, replication } = this.#parts;
    const location = await this.#parts.freshLocation(namespace, color, policy);
    const owned = this.#parts.owned(namespace, color);
    if (location.kind !== 'here' || !owned) return false;
    if (location.others.some(({ instance }) => `invoker${instance}` === from)) return false;
    for (const former of owned.formers.values()) {
      const page = (after: string | undefined) =>
        recovery.listAt(namespace, { color, prefix: '', after, limit: PAGE }, owned, former);
      for await (const list of pages(page)) {
        for (const { key } of list?.objects ?? []) await this.#parts.ready(namespace, { color, key });
      }
      // Without the ownership, objects were not waited for: the next owner must still ask there.
      if (this.#parts.owned(namespace, color) !== owned) return false;
      // What is left there is out of date. Otherwise requests would wait for it after its end.
      owned.formers.delete(former.instance);
    }
    const [next] = location.others;
    // Without a set, no replicated object was acknowledged.
    if (next && (owned.base !== undefined || owned.copiedTo !== undefined)) {
      await replication.ensure(namespace, color, owned, next).catch((error: unknown) => {
        if (!(error instanceof PeerError)) throw error;
        const text = `invoker${next.instance}, which is to have the copies, does not answer.`;
        throw new ObjectError(503, text, { retryAfterS: 1, cause: error });
      });
    }
    return this.#parts.owned(namespace, color) === owned;
  }

  /**
   * Asks the new homes of all colors to take their objects over. For the end of this invoker's work. Others believe for
   * a second that it is still the home, so it looks for objects again after that.
   */
  async drain(signal: AbortSignal): Promise<{ readonly moved: number; readonly left: number }> {
    const { memory, now, sets } = this.#parts;
    const settledAt = now() + SETTLED_MS;
    let moved = 0;
    /** The colors that are on their way, and those that could not move at their latest attempt, with the reason. */
    const underWay = new Set<string>();
    const failures = new Map<string, unknown>();
    // A home that takes long does not keep others from their colors, and neither does a color that takes long.
    const lanes = new Lanes(AT_ONCE);
    const move = async (namespace: ObjectNamespace, color: string, home: Peer): Promise<void> => {
      const key = colorKey(namespace, color);
      const before = this.#parts.latest(namespace, color)?.epoch;
      const set = sets.get(key);
      const outcome = await this.#push(namespace, color, home, signal);
      underWay.delete(key);
      if (outcome.kind === 'failed') {
        failures.set(key, outcome.error);
        return;
      }
      failures.delete(key);
      moved++;
      // The home has them in its memory. It may have made another set here since it answered, because this invoker takes part again.
      if (sets.get(key) === set || !sets.isRaised(key)) sets.drop(namespace, color);
      // What is left is out of date: the home has not counted it.
      const ended = !this.#parts.owned(namespace, color) && this.#parts.latest(namespace, color)?.epoch === before;
      if (ended) memory.clear(namespace, color);
    };
    for (;;) {
      const late = now() >= settledAt;
      const colors = memory.colors();
      let alone = 0;
      const rest = colors.values();
      const send = async (): Promise<void> => {
        for (const { namespace: space, color } of rest) {
          const namespace = originalOf(space);
          const key = colorKey(namespace, color);
          if (underWay.has(key)) continue;
          const home = signal.aborted ? undefined : await this.#homeOf(namespace, color);
          // Its objects and its copies are two of the colors.
          if (underWay.has(key)) continue;
          if (signal.aborted) failures.set(key, failures.get(key));
          else if (home) {
            underWay.add(key);
            lanes.add(home.url, () => move(namespace, color, home));
          } else {
            alone++;
            failures.delete(key);
          }
        }
      };
      await Promise.all(Array.from({ length: ASKED_AT_ONCE }, send));
      await within(lanes.idle(), signal.aborted ? Infinity : ROUND_MS, () => undefined);
      if (signal.aborted || (late && alone === colors.length)) {
        await lanes.idle();
        const [failure] = [...failures.values()].filter((error) => error !== undefined);
        if (failures.size > 0)
          this.#parts.onWarning(`could not hand objects over to their next homes (colors: ${failures.size})`, failure);
        return { moved, left: memory.colors().length };
      }
      await new Promise((resolve) => setTimeout(resolve, PUSH_AGAIN_MS));
    }
  }

  #policyOf(namespace: ObjectNamespace, color: string): string | undefined {
    return this.#parts.latest(namespace, color)?.policy ?? this.#parts.sets.policy(colorKey(namespace, color));
  }

  /** The home of a color, as the controllers name it. @returns undefined: no other invoker is there to take it over. */
  async #homeOf(namespace: ObjectNamespace, color: string): Promise<Peer | undefined> {
    const known = await this.#parts.freshHomes(namespace, color, this.#policyOf(namespace, color));
    return 'unknown' in known ? undefined : known.homes[0];
  }

  /** Asks the home of a color, if that is another invoker, to gather its objects. One attempt: others wait. */
  async #push(namespace: ObjectNamespace, color: string, home: Peer, signal: AbortSignal): Promise<Pushed> {
    const owned = this.#parts.latest(namespace, color);
    const policy = this.#policyOf(namespace, color);
    const query = new URLSearchParams({
      ...(owned ? { epoch: String(owned.epoch) } : {}),
      ...(policy === undefined ? {} : { policy }),
    });
    const path = `${objectPath(color)}?${query.toString()}`;
    if (signal.aborted) return { kind: 'failed', error: undefined };
    if (home.instance === this.#parts.instance) return { kind: 'failed', error: undefined };
    const asked = { operation: 'adopt', method: 'POST', path, namespace } as const;
    try {
      const reply = await this.#parts.peers.ask(home, { ...asked, timeoutMs: GATHER_MS, signal });
      return gatheredSchema.parse(reply).gathered ? { kind: 'moved' } : { kind: 'failed', error: undefined };
    } catch (error) {
      return { kind: 'failed', error };
    }
  }
}
