import { within } from '../../process/within.js';
import type { Fetcher } from './library.js';

/**
 * The memberships of one consumer that were closed without leaving, until the next one has their place in the group. The group
 * may have any of them, since a coordinator may accept a join without an answer.
 */
export class FormerMemberships {
  #fetchers: Fetcher[] = [];

  /** Closes a membership before the next one, which may take over its place. Ends after `limitMs`, since a library may hang. */
  async giveBack(fetcher: Fetcher, limitMs: number): Promise<void> {
    this.#fetchers.push(fetcher);
    await within(fetcher.close(true), limitMs, () => undefined);
    this.#fetchers = this.#fetchers.filter(({ keepsPlace }) => keepsPlace).slice(-MOST);
  }

  /** The next membership has the place. */
  clear(): void {
    this.#fetchers = [];
  }

  /** Leaves the group with all of them, each within `limitMs`. */
  async leave(limitMs: number): Promise<void> {
    await Promise.all(this.#fetchers.map((fetcher) => within(fetcher.close(), limitMs, () => undefined)));
  }
}

/** An attempt takes 20 s or more unless it fails: the sessions of earlier ones are over. */
const MOST = 10;
