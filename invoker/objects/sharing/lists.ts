import * as z from 'zod';
import { PERSISTENCES, type ListedObject, type ObjectList } from '../../../shared/objects/ObjectRequest.js';

export const objectListSchema = z.object({
  objects: z.array(
    z.object({
      key: z.string(),
      bytes: z.number(),
      contentType: z.string(),
      etag: z.string(),
      persistence: z.enum(PERSISTENCES),
    }),
  ),
  more: z.boolean(),
});

/**
 * The pages of a list, one after the other. The last one may be missing.
 * @param page gets the page after a key.
 */
export async function* pages<List extends ObjectList | undefined>(
  page: (after: string | undefined) => Promise<List>,
): AsyncGenerator<List> {
  for (let after: string | undefined, more = true; more;) {
    const list = await page(after);
    yield list;
    more = list?.more ?? false;
    after = list?.objects.at(-1)?.key;
  }
}

/** Merges sorted lists. An object in several lists is the one of the first list. */
export function mergeLists(lists: readonly ObjectList[], limit: number): ObjectList {
  const byKey = new Map<string, ListedObject>();
  // After the last key of a list that has more, other lists may lack keys of that one.
  const ends = lists.flatMap(({ objects, more }) => (more ? [objects.at(-1)?.key ?? ''] : []));
  // The default order compares UTF-16 units, as lists do.
  const [end] = ends.toSorted();
  for (const { objects } of lists) {
    for (const object of objects) {
      if (!byKey.has(object.key) && (end === undefined || object.key <= end)) byKey.set(object.key, object);
    }
  }
  const objects = [...byKey.keys()].toSorted().flatMap((key) => byKey.get(key) ?? []);
  return { objects: objects.slice(0, limit), more: end !== undefined || objects.length > limit };
}
