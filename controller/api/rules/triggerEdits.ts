import type { ControllerContext } from '../ControllerContext.js';
import type { TriggerDocument } from '../../../shared/entities/documents.js';
import { documentId, type FullyQualifiedName } from '../../../shared/entities/names.js';
import { DocumentConflictError } from '../../../shared/store/ArtifactStore.js';
import { WrongEntityTypeError } from '../../../shared/store/EntityStore.js';

type Parts = Pick<ControllerContext, 'entities'>;

const ATTEMPTS = 3;

/**
 * Changes a trigger's rules, and tries again after a conflict: changes of two rules do not contradict each other.
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
 * The trigger of a rule, as it is in the store: it has the rule's status, which another controller may have changed just
 * now. Undefined if it is gone, or is not a trigger any more.
 */
export async function triggerOf({ entities }: Parts, name: FullyQualifiedName): Promise<TriggerDocument | undefined> {
  try {
    return await entities.getTrigger(documentId(name), true);
  } catch (error) {
    if (error instanceof WrongEntityTypeError) return undefined;
    throw error;
  }
}
