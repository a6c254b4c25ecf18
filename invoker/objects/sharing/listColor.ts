import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { asOwner } from './asOwner.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import { mergeLists } from './lists.js';
import type { ObjectStore } from './ObjectStore.js';
import type { Recovery } from './Recovery.js';
import type { Safety } from './Safety.js';

export interface ListColorParts {
  readonly memory: ObjectMemory;
  readonly store: ObjectStore | undefined;
  readonly recovery: Pick<Recovery, 'listAt' | 'removeHidden'>;
  readonly safety: Pick<Safety, 'allSafe' | 'alone' | 'busy'>;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
}

/** How often a list is made again, if changes of its objects are taken back meanwhile. */
const ATTEMPTS = 5;

/** The objects of a color, here, at former homes and in the store. @throws ObjectError 503 */
export async function listColor(
  parts: ListColorParts,
  namespace: ObjectNamespace,
  asked: ListRequest,
): Promise<ObjectList> {
  const { color, prefix, after = '' } = asked;
  const isListed = (key: string): boolean => key.startsWith(prefix) && key > after;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const owned = parts.owned(namespace, color);
    const elsewhere = await listElsewhere(parts, namespace, asked, owned);
    // This memory comes last: objects may have moved here meanwhile, and all changes that the others know are here.
    const here = parts.memory.list(namespace, asked, parts.now());
    if (await parts.safety.allSafe(colorKey(namespace, color), isListed)) {
      return mergeLists([here, ...elsewhere], asked.limit);
    }
  }
  throw new ObjectError(503, 'Changes of the objects fail again and again.', { retryAfterS: 1 });
}

async function listElsewhere(
  parts: ListColorParts,
  namespace: ObjectNamespace,
  asked: ListRequest,
  owned: Owned | undefined,
): Promise<ObjectList[]> {
  const { store, recovery } = parts;
  const lists: ObjectList[] = [];
  for (const former of owned?.formers.values() ?? []) {
    const list = owned && (await recovery.listAt(namespace, asked, owned, former));
    if (list) lists.push(list);
  }
  if (!store) return lists;
  const { color } = asked;
  for (;;) {
    const stored = await store.list(namespace, asked);
    if (!owned) return [...lists, stored];
    const hidden = stored.objects.filter(({ key }) => isHidden(parts, namespace, { color, key }, owned));
    if (hidden.length === 0) return [...lists, stored];
    for (const { key } of hidden) await removeHidden(parts, namespace, { color, key }, owned);
  }
}

/** Whether what the store has of an object is an earlier version: see `Owned.hidden`. */
const isHidden = (
  { memory, now }: ListColorParts,
  namespace: ObjectNamespace,
  address: ObjectAddress,
  { hidden }: Owned,
): boolean => hidden.has(address.key) && !memory.peek(namespace, address, now());

/** No change of the object may be under way: its new version could be removed, or its key forgotten. @throws ObjectError 503 */
async function removeHidden(
  parts: ListColorParts,
  namespace: ObjectNamespace,
  address: ObjectAddress,
  owned: Owned,
): Promise<void> {
  const { recovery, safety } = parts;
  while (isHidden(parts, namespace, address, owned)) {
    const busy = safety.busy(namespace, address);
    if (!busy) {
      await safety.alone(namespace, address, async () => {
        await asOwner(owned, () => recovery.removeHidden(namespace, address, owned));
        return 'over';
      });
      return;
    }
    await busy;
  }
}
