import * as z from 'zod';
import type { Location } from '../../../shared/objects/Locate.js';
import { objectPath } from '../../../shared/objects/objectPath.js';
import type { CopySets, KeptSet } from './CopySets.js';
import type { PeerClient } from './PeerClient.js';
import type { Asked } from './Ownership.js';

export interface SetCareParts {
  readonly peers: Pick<PeerClient, 'ask'>;
  readonly sets: CopySets;
  /** In ms; never decreases. */
  readonly now: () => number;
  /** Where a color is, which this invoker takes over if it is the home. */
  readonly locate: (asked: Asked) => Promise<Location>;
}

/** How long a set is left alone between two looks after it, in ms, and the most looks at the same time. */
const CARE_MS = 60_000;
const AT_ONCE = 50;
const keptSchema = z.object({ kept: z.boolean() });

/**
 * Looks after the sets of copies in this invoker, which are never evicted: asks the home of each color whether it still needs the set.
 * A home that did not know of the color takes it over then, and makes another copy of its objects. So copies do not stay for ever after
 * their owner has ended, and objects that nobody asks for do not stay without a copy.
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
    const { sets, now } = this.#parts;
    // Without an answer, the set stays, and is looked after again.
    const due = sets.due(now(), CARE_MS, AT_ONCE);
    await Promise.allSettled(due.map((set) => this.#look(set)));
    this.#tending = false;
  }

  async #look({ namespace, color, policy, state }: KeptSet): Promise<void> {
    const { peers, sets, locate } = this.#parts;
    const location = await locate({ namespace, color, policy });
    if (location.kind !== 'elsewhere') return;
    const [home] = location.homes;
    const query = policy === undefined ? '' : `?${new URLSearchParams({ policy }).toString()}`;
    const path = `${objectPath(color)}${query}`;
    const reply = await peers.ask(home, { operation: 'keep', method: 'POST', path, namespace });
    if (!keptSchema.parse(reply).kept) sets.dropIf(namespace, color, state);
  }
}
