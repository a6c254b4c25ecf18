import { colorAnnotations } from '../../shared/colors/colorAnnotations.js';
import { StatusCode, type ActivationRecord } from '../../shared/entities/activation.js';
import { documentId } from '../../shared/entities/names.js';
import type { LostActivation } from './InFlightActivations.js';

/**
 * The record of an invocation that no invoker acknowledged in time, so that none that was accepted is without one. It
 * is written as a new document under the activation's id: where the invoker wrote its own, that one stays, and where the
 * invoker comes later, it finds this one; there are never two.
 * @param now ms since the epoch.
 */
export function lostRecord(lost: LostActivation, now: number): ActivationRecord {
  const { action, invoker } = lost;
  const { memory, concurrency, timeout } = action;
  return {
    activationId: lost.activationId,
    namespace: lost.namespace,
    name: action.name.name,
    version: action.name.version ?? '0.0.1',
    subject: lost.subject,
    publish: false,
    start: lost.sentAt,
    end: now,
    duration: now - lost.sentAt,
    cause: lost.cause,
    response: {
      statusCode: StatusCode.whiskError,
      result: { error: `The invoker (invoker${invoker.instance}) did not report the end of this activation in time.` },
    },
    logs: [],
    annotations: [
      { key: 'path', value: documentId(action.name) },
      ...(lost.binding === undefined ? [] : [{ key: 'binding', value: lost.binding }]),
      ...(lost.cause === undefined ? [] : [{ key: 'causedBy', value: 'sequence' }]),
      { key: 'limits', value: { memory, concurrency, timeout } },
      ...colorAnnotations(lost.color, `invoker${invoker.instance}`),
    ],
  };
}
