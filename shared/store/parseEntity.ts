import {
  actionDocumentSchema,
  packageDocumentSchema,
  ruleDocumentSchema,
  triggerDocumentSchema,
  type ActionDocument,
  type PackageDocument,
  type RuleDocument,
  type TriggerDocument,
} from '../entities/documents.js';
import type { StoredDocument } from './ArtifactStore.js';
import { CorruptedEntityError } from './EntityStore.js';

/** A document of the database `whisks`. */
export type EntityDocument = ActionDocument | PackageDocument | TriggerDocument | RuleDocument;
export type EntityType = EntityDocument['entityType'];

const SCHEMAS = {
  action: actionDocumentSchema,
  package: packageDocumentSchema,
  trigger: triggerDocumentSchema,
  rule: ruleDocumentSchema,
} as const;

/**
 * A stored document as the entity that it is.
 * @throws CorruptedEntityError where it is none, or is damaged.
 */
export function parseEntity(document: StoredDocument): EntityDocument {
  const parsed = SCHEMAS[entityTypeOf(document)].safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CorruptedEntityError(document._id, `${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}

/** What kind of entity it is: as it says or, of an old document that does not say, by the fields that its view goes by. */
function entityTypeOf(document: StoredDocument): EntityType {
  const type = document['entityType'];
  if (typeof type === 'string' && Object.hasOwn(SCHEMAS, type)) return type as EntityType;
  if (document['exec'] !== undefined) return 'action';
  if (document['binding'] !== undefined) return 'package';
  return document['trigger'] === undefined ? 'trigger' : 'rule';
}
