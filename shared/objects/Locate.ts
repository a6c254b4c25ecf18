import type { ObjectNamespace } from './ObjectToken.js';

/** Another invoker with objects. */
export interface Peer {
  /** The number of the invoker. */
  readonly instance: number;
  /** The URL of its object server for peers, without a path. */
  readonly url: string;
}

/**
 * Where the objects of a color are. `here`: this invoker is the color's home; `others` are the color's next homes, the
 * nearest first. `elsewhere`: the first of `homes` is the color's home. `unknown`: nobody could say; `reason` in words.
 */
export type Location =
  | { readonly kind: 'here'; readonly others: readonly Peer[] }
  | { readonly kind: 'elsewhere'; readonly homes: readonly [Peer, ...Peer[]] }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * Finds the home of a color. Never rejects. Returns the location itself, without a promise, when no wait is needed.
 * @param policy the color policy that the request names; undefined: the namespace's or the installation's.
 */
export type Locate = (
  namespace: ObjectNamespace,
  color: string,
  policy: string | undefined,
) => Location | Promise<Location>;

const HERE: Location = { kind: 'here', others: [] };

/** For an invoker without peers: everything is here. */
export const everythingIsHere: Locate = () => HERE;
