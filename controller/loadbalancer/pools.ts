import type { InvokerInstance } from '../../shared/messages/instances.js';

/*
 * The invokers that may run an action, by OpenWhisk's rules (docs/tag-based-scheduling.md, docs/dedicated-invokers.md
 * and ContainerManager.scala of OpenWhisk):
 *
 * - An invoker that is dedicated to namespaces runs only their actions.
 * - An action with tags (annotation `invoker-resources`) runs on invokers that have all of the tags. Without such an
 * invoker
 *   it is refused; with `invoker-resources-strict-policy: false` it runs on invokers without tags, else on any invoker.
 * - An action without tags runs on invokers without tags, or else on invokers with tags.
 */

/** The properties that decide which invokers an action may use. */
export interface PoolSelector {
  /** `blackbox`: a user's own image. Ignored for an action with tags. */
  readonly kind: 'managed' | 'blackbox';
  /** Missing or empty: no tags. */
  readonly tags?: readonly string[] | undefined;
  /** Whether to refuse the action if no invoker has the tags. Missing: yes. */
  readonly strict?: boolean | undefined;
  /** The invoking namespace, if an invoker is dedicated to it. */
  readonly namespace?: string | undefined;
}

/**
 * The name of a pool, the same in every controller: `managed`, `blackbox` or `tags:gpu,v2`, with the suffix
 * `@namespace` if invokers are dedicated to the namespace. `parsePoolName` parses it.
 */
export function poolName({ kind, tags, strict, namespace }: PoolSelector): string {
  const texts = tags === undefined || tags.length === 0 ? undefined : [...new Set(tags)].toSorted();
  const own = texts ? `${strict === false ? 'wish' : 'tags'}:${texts.map(encodeURIComponent).join(',')}` : kind;
  return namespace === undefined ? own : `${own}@${encodeURIComponent(namespace)}`;
}

/** @returns undefined if the text is not the name of a pool. */
export function parsePoolName(name: string): PoolSelector | undefined {
  const match = /^(managed|blackbox|(?:tags|wish):([^@]+))(?:@(.+))?$/.exec(name);
  if (!match) return undefined;
  try {
    const namespace = match[3] === undefined ? undefined : decodeURIComponent(match[3]);
    const tags = match[2]?.split(',').map(decodeURIComponent);
    if (tags) return { kind: 'managed', tags, strict: !name.startsWith('wish'), namespace };
    return { kind: match[1] === 'blackbox' ? 'blackbox' : 'managed', namespace };
  } catch {
    return undefined;
  }
}

/**
 * The numbers of the invokers for a selector: the preferred ones, and those to use if none of them has room.
 * @param instances by number.
 */
export function selects(
  instances: readonly InvokerInstance[],
  { tags = [], strict = true, namespace }: PoolSelector,
): { readonly preferred: readonly number[]; readonly others: readonly number[] } {
  const open: { number: number; tags: readonly string[] }[] = [];
  instances.forEach(({ dedicatedNamespaces, tags: own }, number) => {
    if (dedicatedNamespaces.length > 0 && (namespace === undefined || !dedicatedNamespaces.includes(namespace))) return;
    open.push({ number, tags: own });
  });
  const numbers = (those: readonly { number: number }[]): number[] => those.map(({ number }) => number);
  const untagged = open.filter((one) => one.tags.length === 0);
  const tagged = open.filter((one) => one.tags.length > 0);
  if (tags.length === 0) return { preferred: numbers(untagged), others: numbers(tagged) };
  const matching = tagged.filter((one) => tags.every((tag) => one.tags.includes(tag)));
  if (matching.length > 0) return { preferred: numbers(matching), others: [] };
  return strict ? { preferred: [], others: [] } : { preferred: numbers(untagged), others: numbers(tagged) };
}
