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
  readonly recovery: Pick<Recovery, 'listAt' | 'removeHidden' | 'dropEarlier'>;
  readonly safety: Pick<Safety, 'allSafe' | 'alone' | 'busy'>;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
}

/** How often a list is made again, if changes of its objects are taken back meanwhile, or if this invoker loses the color and gets it back. */
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
    // Objects may have moved away meanwhile, to an invoker that has not been asked.
    const isSame = parts.owned(namespace, color) === owned;
    if ((await parts.safety.allSafe(colorKey(namespace, color), isListed)) && isSame) {
      return mergeLists([here, ...elsewhere], asked.limit);
    }
  }
  throw new ObjectError(503, 'Changes of the objects fail, or their home changes, again and again.', {
    retryAfterS: 1,
  });
}

async function listElsewhere(
  parts: ListColorParts,
  namespace: ObjectNamespace,
  asked: ListRequest,
  owned: Owned | undefined,
): Promise<ObjectList[]> {
  const { store, recovery } = parts;
  if (!owned) return store ? [await store.list(namespace, asked)] : [];
  const of = { namespace, color: asked.color, owned };
  const lists: ObjectList[] = [];
  for (const former of owned.formers.values()) {
    const list = await listWithout(parts, of, EARLIER, () => recovery.listAt(namespace, asked, owned, former));
    if (list) lists.push(list);
  }
  if (!store) return lists;
  return [...lists, await listWithout(parts, of, HIDDEN, () => store.list(namespace, asked))];
}

interface OwnedColor {
  readonly namespace: ObjectNamespace;
  readonly color: string;
  readonly owned: Owned;
}

/** Versions of objects that must not be seen any more. */
interface Old {
  readonly keys: 'hidden' | 'superseded';
  readonly remove: 'removeHidden' | 'dropEarlier';
}
/** Those of the store, and those of former owners. */
const HIDDEN: Old = { keys: 'hidden', remove: 'removeHidden' };
const EARLIER: Old = { keys: 'superseded', remove: 'dropEarlier' };

/** A list after the old versions in it have been removed from where it comes from. @throws ObjectError 503 */
async function listWithout<List extends ObjectList | undefined>(
  parts: ListColorParts,
  of: OwnedColor,
  old: Old,
  list: () => Promise<List>,
): Promise<List> {
  for (;;) {
    const listed = await list();
    const keys = (listed?.objects ?? []).flatMap(({ key }) => (isOld(parts, of, old, key) ? [key] : []));
    if (keys.length === 0) return listed;
    for (const key of keys) await removeOld(parts, of, old, key);
  }
}

/** Whether there is an old version at most: the object is not here. */
const isOld = (
  { memory, now }: ListColorParts,
  { namespace, color, owned }: OwnedColor,
  { keys }: Old,
  key: string,
): boolean => owned[keys].has(key) && !memory.peek(namespace, { color, key }, now());

/** No change of the object may be under way: its new version could be removed, or its key forgotten. @throws ObjectError 503 */
async function removeOld(parts: ListColorParts, of: OwnedColor, old: Old, key: string): Promise<void> {
  const { recovery, safety } = parts;
  const { namespace, color, owned } = of;
  const address: ObjectAddress = { color, key };
  while (isOld(parts, of, old, key)) {
    const busy = safety.busy(namespace, address);
    if (!busy) {
      await safety.alone(namespace, address, async () => {
        await asOwner(owned, () => recovery[old.remove](namespace, address, owned));
        return 'over';
      });
      return;
    }
    await busy;
  }
}
