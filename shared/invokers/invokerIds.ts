import * as z from 'zod';
import type { ArtifactStore } from '../store/ArtifactStore.js';
import { retryConflicts } from '../store/conflicts.js';

/**
 * Which number each invoker has, by its unique name; kept for ever, so that an invoker finds its topic again.
 *
 * One document holds them all, written only by whoever saw its newest revision: two invokers that start at once cannot
 * take the same number. (A compacted Kafka topic has no such comparison, and ZooKeeper, where Apache OpenWhisk keeps
 * them, would be one more engine to run.) It lies in the database of entities, where no view emits it.
 */
const DOCUMENT_ID = 'invokers/ids';

export type InvokerIds = Readonly<Record<string, number>>;

/**
 * The numbers with `name` among them: its own as it was, else the least that is free. With `overwriteId` it gets that
 * one, and who had it loses it.
 * @throws RangeError where `overwriteId` would leave a gap.
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
 * The id of the invoker of that name, assigned at its first start and the same ever after.
 * @throws RangeError on an impossible `overwriteId`; what the store throws while it is away.
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
