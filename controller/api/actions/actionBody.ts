import { tooLarge } from '../../http/ApiError.js';
import {
  bodyObject,
  optional,
  parametersSize,
  readBoolean,
  readParameters,
  readStrings,
  readVersion,
} from '../../http/fields.js';
import type { Exec } from '../../../shared/entities/exec.js';
import type { Json, KeyValue } from '../../../shared/entities/keyvalue.js';
import type { Runtimes } from '../../../shared/runtimes/manifest.js';
import { execSize, readExec } from './execBody.js';
import { readLimits, type GivenLimits } from './limitsBody.js';

/** The body of a `PUT` of an action. A missing field keeps its value, or gets its default. */
export interface ActionBody {
  readonly exec?: Exec | undefined;
  readonly parameters?: readonly KeyValue[] | undefined;
  readonly annotations?: readonly KeyValue[] | undefined;
  readonly limits?: GivenLimits | undefined;
  readonly version?: string | undefined;
  readonly publish?: boolean | undefined;
  /** Names of annotations to remove. */
  readonly delAnnotations?: readonly string[] | undefined;
}

/** The limits on sizes, in bytes. */
export interface SizeLimits {
  readonly maxCodeBytes: number;
  readonly maxParameterBytes: number;
}

/** @throws ApiError 400; 413 if the code, the parameters or the annotations are too large. */
export async function readActionBody(json: Json, runtimes: Runtimes, sizes: SizeLimits): Promise<ActionBody> {
  const body = bodyObject(json, 'exec');
  const exec = await optional(body, 'exec', (value) => readExec(value, runtimes));
  const parameters = optional(body, 'parameters', readParameters);
  const annotations = optional(body, 'annotations', readParameters);
  if (exec) checkSize('exec', await execSize(exec), sizes.maxCodeBytes);
  if (parameters) checkSize('parameters', parametersSize(parameters), sizes.maxParameterBytes);
  if (annotations) checkSize('annotations', parametersSize(annotations), sizes.maxParameterBytes);
  return {
    exec,
    parameters,
    annotations,
    limits: optional(body, 'limits', readLimits),
    version: optional(body, 'version', readVersion),
    publish: optional(body, 'publish', readBoolean),
    delAnnotations: optional(body, 'delAnnotations', readStrings),
  };
}

/** @throws ApiError 413 */
function checkSize(what: string, bytes: number, allowed: number): void {
  if (bytes > allowed) throw tooLarge(what, bytes, allowed);
}
