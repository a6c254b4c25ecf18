import {
  STATUS_NAMES,
  StatusCode,
  type ActivationRecord,
  type ActivationResponse,
} from '../../../shared/entities/activation.js';
import type { JsonBody } from '../../http/respond.js';

/** The response of an activation as the API shows it: with a text in the place of the status code. */
export function responseView(response: ActivationResponse): JsonBody {
  const { statusCode, result, size } = response;
  return { result, size, status: STATUS_NAMES[statusCode], success: statusCode === StatusCode.success };
}

/** A record as the API shows it. The record of a trigger has neither end nor duration. */
export function activationView(record: ActivationRecord): JsonBody {
  const ended = record.end !== 0;
  return {
    activationId: record.activationId,
    namespace: record.namespace,
    name: record.name,
    version: record.version,
    publish: record.publish,
    subject: record.subject,
    start: record.start,
    end: ended ? record.end : undefined,
    duration: ended ? (record.duration ?? record.end - record.start) : record.duration,
    cause: record.cause,
    response: responseView(record.response),
    logs: record.logs,
    annotations: record.annotations,
  };
}

/** The HTTP status of a blocking invocation with this status code. */
export function invocationStatus(statusCode: StatusCode): number {
  if (statusCode === StatusCode.success) return 200;
  return statusCode === StatusCode.whiskError ? 500 : 502;
}
