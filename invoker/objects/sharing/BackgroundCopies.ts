import type { Peer } from '../../../shared/objects/Locate.js';
import type { Owned } from './ColorStates.js';
import { needsNewSet } from './place.js';
import type { Replication } from './Replication.js';

export interface BackgroundCopiesParts {
  readonly replication: Pick<Replication, 'ensure' | 'check'>;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly isOwned: (owned: Owned) => boolean;
  readonly onWarning: (text: string, error: unknown) => void;
}

/** The pause after a failure to begin another set of copies, in ms. */
const COPY_AGAIN_MS = 1000;
/** How often the next home is asked for its copies, if there are requests for the color, in ms. */
const CHECK_MS = 5000;
/**
 * The most colors whose sets are made or checked at the same time. After a death, all of them may be due at once. They share the
 * connections: if each color waited for a connection for longer than its limit, none would ever be copied.
 */
const AT_ONCE = 64;

/** Begins sets of copies without a change that needs them. */
export class BackgroundCopies {
  readonly #parts: BackgroundCopiesParts;
  /** The invokers to which copying has failed since it last succeeded, by number. */
  readonly #failing = new Set<number>();
  #running = 0;

  constructor(parts: BackgroundCopiesParts) {
    this.#parts = parts;
  }

  /**
   * Begins another set of copies if the color's next home has changed, or has lost the copies. Does nothing if many other colors are under
   * way: the next request, or the next look after the color, tries it again.
   */
  tend(owned: Owned, next: Peer | undefined): void {
    const { now, replication } = this.#parts;
    if (!next || this.#running >= AT_ONCE) return;
    const { namespace, color } = owned;
    const isNeeded = needsNewSet(owned, next, now());
    if (!isNeeded && (!owned.copiedTo || owned.copying || now() < owned.checkAt)) return;
    if (isNeeded) owned.copyAgainAt = now() + COPY_AGAIN_MS;
    owned.checkAt = now() + CHECK_MS;
    this.#running++;
    const copied: Promise<unknown> = isNeeded
      ? replication.ensure(namespace, color, owned, next)
      : replication.check(namespace, color, owned, next);
    copied.then(
      () => {
        this.#running--;
        this.#failing.delete(next.instance);
      },
      (error: unknown) => {
        this.#running--;
        this.#failed(owned, next, error);
      },
    );
  }

  #failed(owned: Owned, { instance }: Peer, error: unknown): void {
    const { isOwned, onWarning } = this.#parts;
    // Once for an invoker until it works again: there may be many colors, and an attempt each second.
    if (this.#failing.has(instance) || !isOwned(owned)) return;
    this.#failing.add(instance);
    onWarning(`could not copy replicated objects to invoker${instance}, their next home`, error);
  }
}
