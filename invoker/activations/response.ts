import { StatusCode, type ActivationResponse } from '../../shared/entities/activation.js';
import { isObject, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import { nestsTooDeep } from '../../shared/entities/nesting.js';
import type { ConnectionFailure, ContainerResponse } from '../containers/ContainerDriver.js';
import * as texts from './texts.js';

/** What came of a request to a container. */
export type Answer =
  | { readonly kind: 'response'; readonly response: ContainerResponse }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'failure'; readonly failure: ConnectionFailure };

const success = (result: Json, size?: number): ActivationResponse => ({
  statusCode: StatusCode.success,
  result,
  ...sized(size),
});
export const applicationError = (error: Json, size?: number): ActivationResponse => failed(1, error, size);
export const developerError = (error: Json, size?: number): ActivationResponse => failed(2, error, size);
export const whiskError = (error: Json): ActivationResponse => failed(3, error);

/** The response of an activation whose `/init` gave no 200; `answer` is anything but a whole response with status 200. */
export function initFailure(answer: Answer, timeoutMs: number): ActivationResponse {
  if (answer.kind === 'timeout') return developerError(texts.timedOut(timeoutMs, true));
  if (answer.kind === 'failure') {
    return developerError(answer.failure === 'outOfMemory' ? texts.memoryExhausted : texts.abnormalInitialization);
  }
  const { body, truncated } = answer.response;
  if (truncated) {
    return developerError(texts.truncatedResponse(body, truncated.length, truncated.limit), truncated.length);
  }
  const value = parse(body);
  const error = isObject(value) ? errorOf(value) : undefined;
  return developerError(error === undefined ? texts.invalidInitResponse(body) : error, body.length);
}

/**
 * The response of an activation from the answer to its `/run`. A 200 with an object or an array is a success, unless the
 * object has a field `error`; then, whatever else it has, it is an application error. All the rest is the developer's.
 */
export function runResponse(answer: Answer, timeoutMs: number): ActivationResponse {
  if (answer.kind === 'timeout') return developerError(texts.timedOut(timeoutMs, false));
  if (answer.kind === 'failure') {
    return developerError(answer.failure === 'outOfMemory' ? texts.memoryExhausted : texts.abnormalRun);
  }
  const { status, body, truncated } = answer.response;
  if (truncated) {
    return applicationError(texts.truncatedResponse(body, truncated.length, truncated.limit), truncated.length);
  }
  const value = parse(body);
  const error = isObject(value) ? errorOf(value) : undefined;
  if (status !== 200 || value === null || typeof value !== 'object') {
    return developerError(error === undefined ? texts.invalidRunResponse(body) : error, body.length);
  }
  return error === undefined ? success(value, body.length) : applicationError(error, body.length);
}

/** Whether a container that gave such a response may serve again. */
export function isReusable(response: ActivationResponse): boolean {
  return response.statusCode === StatusCode.success || response.statusCode === StatusCode.applicationError;
}

function failed(statusCode: 1 | 2 | 3, error: Json, size?: number): ActivationResponse {
  return { statusCode, result: { error }, ...sized(size) };
}

function sized(size: number | undefined): { size?: number } {
  return size === undefined ? {} : { size };
}

/** What nests too deeply counts as no JSON: it could be neither sent nor stored. */
function parse(body: string): Json | undefined {
  try {
    const value = JSON.parse(body) as Json;
    return nestsTooDeep(body) ? undefined : value;
  } catch {
    return undefined;
  }
}

/** The field `error`, where the object has one of its own; it may be null. */
function errorOf(value: JsonObject): Json | undefined {
  return Object.hasOwn(value, 'error') ? value['error'] : undefined;
}
