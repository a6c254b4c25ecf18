import { StatusCode, type ActivationRecord } from '../../shared/entities/activation.js';
import { activationRecord, limitsAnnotation } from '../../shared/entities/activationRecord.js';
import { documentId } from '../../shared/entities/names.js';
import type { LostActivation } from './InFlightActivations.js';

/**
 * The record of an invocation without an acknowledgement in time, since every accepted invocation has a record. It is
 * stored as a new document under the activation id. If the invoker has stored its own record, that record remains; a
 * later one of the invoker is not stored.
 * @param now ms since the epoch.
 */
export function lostRecord(lost: LostActivation, now: number): ActivationRecord {
  const { action, invoker, sentAt } = lost;
  const name = `invoker${invoker.instance}`;
  return activationRecord({
    activationId: lost.activationId,
    user: lost.user,
    name: action.name.name,
    version: action.name.version,
    start: sentAt,
    end: now,
    cause: lost.cause,
    response: {
      statusCode: StatusCode.whiskError,
      result: { error: `The invoker (${name}) did not report the end of this activation in time.` },
    },
    annotations: {
      binding: lost.binding,
      path: documentId(action.name),
      waitTime: sentAt - lost.transid.start,
      kind: action.kind,
      // Unknown: the invoker enforces the action's own time limit.
      timeout: false,
      limits: limitsAnnotation(action),
      color: lost.color && { ...lost.color, invoker: name },
    },
  });
}
