import type { ControllerContext } from '../ControllerContext.js';
import type { TriggerDocument } from '../../../shared/entities/documents.js';
import { documentId, type FullyQualifiedName } from '../../../shared/entities/names.js';
import { retryConflicts } from '../../../shared/store/conflicts.js';
import { WrongEntityTypeError } from '../../../shared/store/EntityStore.js';

type Parts = Pick<ControllerContext, 'entities'>;

const ATTEMPTS = 3;

/**
 * Changes a trigger's rules. Retries after a conflict, since changes of two rules are independent.
 * @returns undefined if the trigger does not exist. @throws DocumentConflictError
 */
export function editTrigger(
  { entities }: Parts,
  id: string,
  edit: (trigger: TriggerDocument) => TriggerDocument,
): Promise<TriggerDocument | undefined> {
  return retryConflicts(ATTEMPTS, async () => {
    const trigger = await entities.latest.getTrigger(id);
    if (!trigger) return undefined;
    const edited = edit(trigger);
    return edited === trigger ? trigger : entities.putTrigger(edited);
  });
}

/**
 * Reads the trigger of a rule from the store, not from the cache: it contains the rule's status, which another
 * controller may just have changed.
 * @returns undefined if it does not exist or is not a trigger.
 */
export async function triggerOf({ entities }: Parts, name: FullyQualifiedName): Promise<TriggerDocument | undefined> {
  try {
    return await entities.latest.getTrigger(documentId(name));
  } catch (error) {
    if (error instanceof WrongEntityTypeError) return undefined;
    throw error;
  }
}
