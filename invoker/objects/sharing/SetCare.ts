import * as z from 'zod';
import type { Location } from '../../../shared/objects/Locate.js';
import { objectPath } from '../../../shared/objects/objectPath.js';
import type { CopySets, CopySetState } from './CopySets.js';
import type { PeerClient } from './PeerClient.js';
import type { Asked } from './Ownership.js';

export interface SetCareParts {
  readonly peers: Pick<PeerClient, 'ask'>;
  readonly sets: CopySets;
  /** In ms; never decreases. */
  readonly now: () => number;
  /**
   * Where a color is, which this invoker takes over if it is the home. A home looks whether its next home has a copy: see
   * `BackgroundCopies.tend`.
   */
  readonly locate: (asked: Asked) => Promise<Location>;
  /** See `ColorStates.idle`. */
  readonly idle: (careMs: number, most: number) => readonly Asked[];
  /** How long a color is left alone between two looks after it, in ms. Missing: a minute. */
  readonly careMs?: number | undefined;
}

const CARE_MS = 60_000;
/** The most looks at the same time. */
const AT_ONCE = 50;
const keptSchema = z.object({ kept: z.boolean() });

/**
 * Looks after the sets of copies in this invoker, which are never evicted: asks the home of each color whether it still needs the set.
 * A home that did not know of the color takes it over then, and makes another copy of its objects. So copies do not stay for ever after
 * their owner has ended, and objects that nobody asks for do not stay without a copy.
 *
 * Looks after the colors of this invoker with replicated objects, too: nobody else knows when the invoker with their copies has died.
 */
export class SetCare {
  readonly #parts: SetCareParts;
  #tending = false;

  constructor(parts: SetCareParts) {
    this.#parts = parts;
  }

  /** To be called each second. Never rejects. */
  async tend(): Promise<void> {
    if (this.#tending) return;
    this.#tending = true;
    const { sets, now, careMs = CARE_MS } = this.#parts;
    // Without an answer, the set stays, and is looked after again.
    const due = sets.due(now(), careMs, AT_ONCE);
    const idle = this.#parts.idle(careMs, AT_ONCE);
    await Promise.allSettled([
      ...due.map((set) => this.#look(set, set.state)),
      // Another home takes such a color over when it is asked.
      ...idle.map((owned) => this.#look(owned, undefined)),
    ]);
    this.#tending = false;
  }

  async #look({ namespace, color, policy }: Asked, state: CopySetState | undefined): Promise<void> {
    const { peers, sets, locate } = this.#parts;
    const location = await locate({ namespace, color, policy });
    if (location.kind !== 'elsewhere') return;
    const [home] = location.homes;
    const query = policy === undefined ? '' : `?${new URLSearchParams({ policy }).toString()}`;
    const path = `${objectPath(color)}${query}`;
    const reply = await peers.ask(home, { operation: 'keep', method: 'POST', path, namespace });
    if (state && !keptSchema.parse(reply).kept) sets.dropIf(namespace, color, state);
  }
}
