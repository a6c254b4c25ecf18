import { createHash } from 'node:crypto';
import type { Json } from '../entities/keyvalue.js';

/** Where the color of one invocation may come from. */
export interface ColorSources {
  /** The request header `X-OpenWhisk-Color`. */
  readonly header?: string | undefined;
  /** The action's annotation `color`: a color, or a template such as `user-{user.id}`. */
  readonly annotation?: Json | undefined;
  /** What the action gets: the payload over the defaults of package, binding and action. */
  readonly parameters: Json | undefined;
  readonly activationId: string;
  /** The color of the invocation that caused this one. */
  readonly inherited?: string | undefined;
}

/** A color that is longer, in bytes of UTF-8, is replaced by its hash. */
export const MAX_COLOR_BYTES = 256;

/**
 * The color of an invocation: that of the request, else that of the action's annotation, else that of its cause, else
 * none. An annotation whose template names a value that is missing, null, empty or not a scalar gives none, and the
 * cause's counts.
 */
export function colorOf(sources: ColorSources): string | undefined {
  const color =
    nonEmpty(sources.header) ??
    fromAnnotation(sources.annotation, sources.parameters, sources.activationId) ??
    nonEmpty(sources.inherited);
  return color === undefined ? undefined : bounded(color);
}

const PLACEHOLDER = /\{([^{}]+)\}/g;

function fromAnnotation(annotation: Json | undefined, parameters: Json | undefined, activationId: string) {
  if (typeof annotation === 'number') return String(annotation);
  if (typeof annotation !== 'string') return undefined;
  if (!annotation.includes('{')) return nonEmpty(annotation);
  let complete = true;
  const color = annotation.replace(PLACEHOLDER, (_, path: string) => {
    const value = path === '$activation' ? activationId : scalarAt(parameters, path);
    if (value === undefined) complete = false;
    return value ?? '';
  });
  return complete ? nonEmpty(color) : undefined;
}

/** The text of the scalar at a dotted path; undefined where there is none or it is empty. */
function scalarAt(parameters: Json | undefined, path: string): string | undefined {
  let value: Json | undefined = parameters;
  for (const key of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, Json>)[key];
  }
  if (typeof value === 'string') return nonEmpty(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function bounded(color: string): string {
  if (Buffer.byteLength(color) <= MAX_COLOR_BYTES) return color;
  return createHash('sha256').update(color).digest('hex');
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
