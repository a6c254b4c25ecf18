import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Json } from '../entities/keyvalue.js';
import { expandTemplate, parseTemplate, type TemplateMistake } from './template.js';

/** The possible sources of an invocation's color. */
export interface ColorSources {
  /** The request header `X-OpenWhisk-Color`. */
  readonly header?: string | undefined;
  /** The action's annotation `color`: a color, or a template such as `user-{user.id}`. */
  readonly annotation?: Json | undefined;
  /** The action's arguments: the payload merged over the defaults of package, binding and action. */
  readonly parameters: Json | undefined;
  readonly activationId: string;
  /** The color of the invocation that caused this one. */
  readonly inherited?: string | undefined;
  /** Called for an annotation that is not a valid template. */
  readonly onMistake?: ((mistake: TemplateMistake) => void) | undefined;
}

/** The longest color in bytes of UTF-8. A longer one is replaced by its hash. */
const MAX_COLOR_BYTES = 256;

/**
 * The color of an invocation: from the request, or else from the action's annotation, or else from its cause. The
 * annotation is ignored if it is not a valid template, or if it names a value that is missing, null, empty or not a
 * scalar.
 */
export function colorOf(sources: ColorSources): string | undefined {
  const color = fromHeader(sources.header) ?? fromAnnotation(sources) ?? nonEmpty(sources.inherited);
  return color === undefined ? undefined : boundedColor(color);
}

/** The color for use, records and queries: the text itself, or its hash if it is too long. */
export function boundedColor(color: string): string {
  // A UTF-16 unit takes at most three bytes of UTF-8, so most colors need no exact count.
  if (color.length * 3 <= MAX_COLOR_BYTES || Buffer.byteLength(color) <= MAX_COLOR_BYTES) return color;
  return createHash('sha256').update(color).digest('hex');
}

/**
 * Decodes a header as UTF-8 if it is valid, so that it matches the same annotation. Node decodes headers as Latin-1.
 */
function fromHeader(header: string | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
  if (!/[\u0080-\u00ff]/.test(header) || /[^\0-\u00ff]/.test(header)) return header;
  const bytes = Buffer.from(header, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : header;
}

function fromAnnotation(sources: ColorSources): string | undefined {
  const { annotation, parameters, activationId, onMistake } = sources;
  if (annotation === undefined) return undefined;
  // Most colors are plain text.
  if (typeof annotation === 'string' && !/[{}]/.test(annotation)) return nonEmpty(annotation);
  const parsed = parseTemplate(annotation);
  if (parsed.ok) return expandTemplate(parsed.template, parameters, activationId);
  onMistake?.(parsed.mistake);
  return undefined;
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
