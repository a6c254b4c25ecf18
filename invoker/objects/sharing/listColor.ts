import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import { copiesOf } from './copies.js';
import type { CopySets } from './CopySets.js';
import { currentSets } from './currentSets.js';
import type { Holders } from './Holders.js';
import { mergeLists } from './lists.js';
import type { ObjectStore } from './ObjectStore.js';
import type { Recovery } from './Recovery.js';
import type { Safety } from './Safety.js';

export interface ListColorParts {
  readonly memory: ObjectMemory;
  readonly sets: CopySets;
  readonly holders: Holders;
  readonly store: ObjectStore | undefined;
  readonly recovery: Pick<Recovery, 'listAt'>;
  readonly safety: Pick<Safety, 'allSafe'>;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
}

/** How often a list is made again, if the copies move meanwhile. */
const ATTEMPTS = 5;

/** The objects of a color, here and at former homes, in copies and in the store. @throws ObjectError 503 */
export async function listColor(
  parts: ListColorParts,
  namespace: ObjectNamespace,
  asked: ListRequest,
): Promise<ObjectList> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const owned = parts.owned(namespace, asked.color);
    const counting = owned?.copiedTo?.epoch;
    const list = await listOnce(parts, namespace, asked, owned);
    // Another set counts meanwhile. Its objects may be evicted here, and the former set may have been removed before it was asked.
    const current = parts.owned(namespace, asked.color);
    // Without the ownership, the list is not used.
    if (!current || (current === owned && owned.copiedTo?.epoch === counting)) return list;
  }
  throw new ObjectError(503, 'The copies of the objects move again and again.', { retryAfterS: 1 });
}

async function listOnce(
  { memory, sets, holders, store, recovery, safety, now }: ListColorParts,
  namespace: ObjectNamespace,
  asked: ListRequest,
  owned: Owned | undefined,
): Promise<ObjectList> {
  const { color, prefix, after = '', limit } = asked;
  const lists: ObjectList[] = [];
  const copies = copiesOf(namespace);
  if (owned) {
    for (const former of owned.formers.values()) {
      const list = await recovery.listAt(namespace, asked, owned, former);
      if (list) lists.push(list);
    }
    // Also the copies of this ownership: this memory may have evicted objects, or never had some of them.
    for (const { peer } of currentSets(owned, sets.get(colorKey(namespace, color)))) {
      const list = peer ? await holders.list(owned, peer, copies, asked) : memory.list(copies, asked, now());
      if (list) lists.push(list);
    }
  }
  if (store) lists.push(await store.list(namespace, asked));
  // This memory comes last: objects may have moved here meanwhile, and all changes that the others know are here.
  const here = memory.list(namespace, asked, now());
  await safety.allSafe(colorKey(namespace, color), (key) => key.startsWith(prefix) && key > after);
  return mergeLists([here, ...lists], limit);
}
