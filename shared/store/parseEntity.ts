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
 * Parses a stored document as an entity.
 * @throws CorruptedEntityError if it is not an entity or is damaged.
 */
export function parseEntity(document: StoredDocument): EntityDocument {
  const parsed = SCHEMAS[entityTypeOf(document)].safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CorruptedEntityError(document._id, `${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}

const isEntityType = (type: unknown): type is EntityType => typeof type === 'string' && Object.hasOwn(SCHEMAS, type);

/**
 * The entity's type: its field `entityType`, or for old documents the fields that its view checks.
 */
function entityTypeOf(document: StoredDocument): EntityType {
  const type = document['entityType'];
  if (isEntityType(type)) return type;
  if (document['exec'] !== undefined) return 'action';
  if (document['binding'] !== undefined) return 'package';
  return document['trigger'] === undefined ? 'trigger' : 'rule';
}
