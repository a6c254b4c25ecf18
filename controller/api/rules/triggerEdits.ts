import type { ControllerContext } from '../ControllerContext.js';
import type { TriggerDocument } from '../../../shared/entities/documents.js';
import { documentId, type FullyQualifiedName } from '../../../shared/entities/names.js';
import { DocumentConflictError } from '../../../shared/store/ArtifactStore.js';
import { WrongEntityTypeError } from '../../../shared/store/EntityStore.js';

type Parts = Pick<ControllerContext, 'entities'>;

const ATTEMPTS = 3;

/**
 * Changes a trigger's rules. Retries after a conflict, since changes of two rules are independent.
 * @returns undefined if the trigger does not exist. @throws DocumentConflictError
 */
export async function editTrigger(
  { entities }: Parts,
  id: string,
  edit: (trigger: TriggerDocument) => TriggerDocument,
): Promise<TriggerDocument | undefined> {
  for (let attempt = 1; ; attempt++) {
    const trigger = await entities.getTrigger(id);
    if (!trigger) return undefined;
    const edited = edit(trigger);
    if (edited === trigger) return trigger;
    try {
      return await entities.putTrigger(edited);
    } catch (error) {
      if (!(error instanceof DocumentConflictError) || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * Reads the trigger of a rule from the store, not from the cache: it contains the rule's status, which another
 * controller may just have changed.
 * @returns undefined if it does not exist or is not a trigger.
 */
export async function triggerOf({ entities }: Parts, name: FullyQualifiedName): Promise<TriggerDocument | undefined> {
  try {
    return await entities.getTrigger(documentId(name), true);
  } catch (error) {
    if (error instanceof WrongEntityTypeError) return undefined;
    throw error;
  }
}
