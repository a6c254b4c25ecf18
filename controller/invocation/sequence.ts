import { inNamespace, readQualifiedName } from './qualifiedNames.js';
import { resolveAction } from './resolve.js';
import { COMPONENT_GRACE_MS, isTooDeep, type CompositeParts, type CompositeRun, type Composites } from './composite.js';
import { compositeRecord } from './compositeRecord.js';
import type { ResolvedAction } from './Invocation.js';
import { passedOn, requestedColor } from './requestedColor.js';
import {
  addComponent,
  beginSequence,
  failure,
  nextPayload,
  SEQUENCE_TOO_LONG,
  stopSequence,
  type SequenceAccounting,
} from './sequenceAccounting.js';
import { StatusCode, type ActivationRecord } from '../../shared/entities/activation.js';
import { SEQUENCE } from '../../shared/entities/exec.js';
import { childTransactionId } from '../../shared/entities/transaction.js';

const COMPONENT_MISSING = 'Sequence component does not exist.';
export const SEQUENCE_FAILED = 'Sequence failed.';
const componentTimedOut = (activationId: string): string =>
  `Timeout reached when retrieving activation ${activationId} for sequence component.`;

/**
 * Runs the components of a sequence one after the other. The result of each component is the payload of the next one.
 * Keeps only the last result in memory. Does not store the record.
 */
export async function runSequence(
  parts: CompositeParts,
  composites: Composites,
  run: CompositeRun,
  actionCount: number,
): Promise<{ record: ActivationRecord; actionCount: number }> {
  const start = parts.clock();
  const { action } = run.target;
  const color = requestedColor(run, run.activationId, parts.colorMistakes);
  const components = action.exec.components ?? [];
  const namespace = run.user.namespace.name;
  let books = beginSequence(actionCount, run.payload);
  let upcoming = findComponent(parts, components[0], namespace);
  for (let i = 0; i < components.length && !books.stopped; i++) {
    const found = await upcoming;
    // Look up the next component while this one runs.
    upcoming = findComponent(parts, components[i + 1], namespace);
    books = await runComponent(parts, composites, run, color, books, found);
  }
  const record = compositeRecord(run, {
    ...books,
    memory: books.memory,
    start,
    end: parts.clock(),
    conductor: false,
    color,
  });
  return { record, actionCount: books.actionCount };
}

type Found = { readonly target: ResolvedAction } | { readonly missing: true } | { readonly error: unknown };

/** Never rejects, since the caller may await the promise late or not at all. */
async function findComponent(parts: CompositeParts, component: string | undefined, namespace: string): Promise<Found> {
  if (component === undefined) return { missing: true };
  try {
    const target = await resolveAction(parts.actions, inNamespace(readQualifiedName(component), namespace));
    return target ? { target } : { missing: true };
  } catch (error) {
    return { error };
  }
}

async function runComponent(
  parts: CompositeParts,
  composites: Composites,
  run: CompositeRun,
  color: string | undefined,
  books: SequenceAccounting,
  found: Found,
): Promise<SequenceAccounting> {
  if (books.actionCount >= parts.maxSteps || isTooDeep(run.transid, parts.maxSteps)) {
    return stopSequence(books, failure(StatusCode.applicationError, SEQUENCE_TOO_LONG));
  }
  if ('missing' in found) return stopSequence(books, failure(StatusCode.applicationError, COMPONENT_MISSING));
  try {
    if ('error' in found) throw found.error;
    return await invokeComponent(parts, composites, run, color, books, found.target);
  } catch (error) {
    parts.log.error('component of a sequence failed', { transid: run.transid, error, sequence: run.activationId });
    return stopSequence(books, failure(StatusCode.whiskError, SEQUENCE_FAILED));
  }
}

async function invokeComponent(
  parts: CompositeParts,
  composites: Composites,
  run: CompositeRun,
  color: string | undefined,
  books: SequenceAccounting,
  target: ResolvedAction,
): Promise<SequenceAccounting> {
  const component = {
    transid: childTransactionId(run.transid, parts.clock()),
    user: run.user,
    target,
    payload: nextPayload(books),
    cause: run.activationId,
    color: passedOn(color, run.color),
    references: run.references,
  };
  if (target.action.exec.kind === SEQUENCE) {
    const inner = { ...component, activationId: parts.newActivationId() };
    const { record, actionCount } = await composites.sequence(inner, books.actionCount);
    return addComponent(books, record, actionCount, parts.maxSteps);
  }
  const waitMs = target.action.limits.timeout + COMPONENT_GRACE_MS;
  const outcome = await composites.action({ ...component, waitMs });
  if (outcome.kind === 'record') return addComponent(books, outcome.record, books.actionCount + 1, parts.maxSteps);
  parts.log.error('component of a sequence timed out', { transid: run.transid, activationId: outcome.activationId });
  const response = failure(StatusCode.whiskError, componentTimedOut(outcome.activationId));
  return stopSequence(books, response, outcome.activationId);
}
