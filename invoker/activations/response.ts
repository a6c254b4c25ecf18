import { StatusCode, type ActivationResponse } from '../../shared/entities/activation.js';
import { isObject, parseJson, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import { holdsTooManyValues, MAX_VALUES, nestsTooDeep } from '../../shared/entities/nesting.js';
import type { ConnectionFailure, ContainerResponse } from '../containers/ContainerDriver.js';
import * as texts from './texts.js';

/** The outcome of a request to a container. */
export type Answer =
  | { readonly kind: 'response'; readonly response: ContainerResponse }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'failure'; readonly failure: ConnectionFailure };

const success = (result: Json, size: number): ActivationResponse => ({
  statusCode: StatusCode.success,
  result,
  size,
});
export const applicationError = (error: Json, size?: number): ActivationResponse => failed(1, error, size);
export const developerError = (error: Json, size?: number): ActivationResponse => failed(2, error, size);
export const whiskError = (error: Json): ActivationResponse => failed(3, error);

/** The response of an activation whose `/init` failed: `answer` is not a complete response with status 200. */
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
 * The response of an activation from the outcome of its `/run`. Status 200 with an object or an array is a success; an
 * object with a field `error` is an application error. Everything else is a developer error.
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
  if (holdsTooManyValues(body)) return applicationError(texts.tooManyValues(MAX_VALUES), body.length);
  const value = parse(body);
  const error = isObject(value) ? errorOf(value) : undefined;
  if (status !== 200 || value === null || typeof value !== 'object') {
    return developerError(error === undefined ? texts.invalidRunResponse(body) : error, body.length);
  }
  return error === undefined ? success(value, body.length) : applicationError(error, body.length);
}

/** Whether a container may serve again after this response. */
export function isReusable(response: ActivationResponse): boolean {
  return response.statusCode === StatusCode.success || response.statusCode === StatusCode.applicationError;
}

function failed(statusCode: 1 | 2 | 3, error: Json, size?: number): ActivationResponse {
  return { statusCode, result: { error }, ...sized(size) };
}

function sized(size: number | undefined): { size?: number } {
  return size === undefined ? {} : { size };
}

/** Parses JSON; undefined if it is invalid, nested too deeply to be sent or stored, or of too many values. */
function parse(body: string): Json | undefined {
  // Check this before parsing, which takes far longer.
  if (nestsTooDeep(body) || holdsTooManyValues(body)) return undefined;
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}

/** The object's own field `error`, which may be null; undefined without it. */
function errorOf(value: JsonObject): Json | undefined {
  return Object.hasOwn(value, 'error') ? value['error'] : undefined;
}
