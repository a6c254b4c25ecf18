import * as z from 'zod';
import type { ArtifactStore } from '../store/ArtifactStore.js';
import { retryConflicts } from '../store/conflicts.js';

/**
 * The numbers of invokers by unique name. They are permanent, so that an invoker finds its topic again.
 *
 * One document contains all numbers. A write needs the newest revision, so two invokers that start at once cannot take
 * the same number. (A compacted Kafka topic has no such check, and ZooKeeper, where Apache OpenWhisk stores the
 * numbers, would be one more system to run.) The document is in the database of entities, and no view contains it.
 */
const DOCUMENT_ID = 'invokers/ids';

export type InvokerIds = Readonly<Record<string, number>>;

/**
 * Assigns a number to `name`: its existing number, or else the smallest free one. With `overwriteId` it takes that
 * number from its former owner.
 * @throws RangeError if `overwriteId` would leave a gap.
 */
export function assignId(ids: InvokerIds, name: string, overwriteId?: number): { ids: InvokerIds; id: number } {
  const known = Object.hasOwn(ids, name) ? ids[name] : undefined;
  if (overwriteId === undefined) {
    if (known !== undefined) return { ids, id: known };
    const id = leastFree(Object.values(ids));
    return { ids: { ...ids, [name]: id }, id };
  }
  if (known === overwriteId) return { ids, id: known };
  const count = Object.keys(ids).length;
  if (overwriteId > count) {
    throw new RangeError(`cannot give invoker ${name} the id ${overwriteId}: there are only ${count} invokers`);
  }
  const others = Object.entries(ids).filter(([other, id]) => other !== name && id !== overwriteId);
  return { ids: { ...Object.fromEntries(others), [name]: overwriteId }, id: overwriteId };
}

/**
 * The permanent id of an invoker, assigned at its first start.
 * @throws RangeError for an impossible `overwriteId`; the store's errors.
 */
export function assignInvokerId(whisks: ArtifactStore, name: string, overwriteId?: number): Promise<number> {
  return retryConflicts(ATTEMPTS, async () => {
    const document = await whisks.get(DOCUMENT_ID);
    const before = document ? documentSchema.parse(document).ids : {};
    const { ids, id } = assignId(before, name, overwriteId);
    if (ids === before) return id;
    const changed = { _id: DOCUMENT_ID, _rev: document?._rev, ids };
    await whisks.put(changed);
    return id;
  });
}

/** One invoker succeeds in each round of conflicts: enough for a thousand that start at once. */
const ATTEMPTS = 1000;

const documentSchema = z.object({ ids: z.record(z.string(), z.int().nonnegative()) });

function leastFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let id = 0;
  while (used.has(id)) id++;
  return id;
}
