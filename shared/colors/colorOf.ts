import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Json } from '../entities/keyvalue.js';
import { expandTemplate, parseTemplate, type TemplateMistake } from './template.js';

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
  /** Hears of an annotation that is no template. */
  readonly onMistake?: ((mistake: TemplateMistake) => void) | undefined;
}

/** A color that is longer, in bytes of UTF-8, is replaced by its hash. */
const MAX_COLOR_BYTES = 256;

/**
 * The color of an invocation: that of the request, else that of the action's annotation, else that of its cause, else
 * none. An annotation that is no template gives none, nor does one that names a value that is missing, null, empty or not
 * a scalar; the cause's counts then.
 */
export function colorOf(sources: ColorSources): string | undefined {
  const color = fromHeader(sources.header) ?? fromAnnotation(sources) ?? nonEmpty(sources.inherited);
  return color === undefined ? undefined : boundedColor(color);
}

/** A color as it is used, stored and looked for: as it is, or its hash where it is too long. */
export function boundedColor(color: string): string {
  // A unit of UTF-16 takes at most three bytes of UTF-8, so that most colors need no counting.
  if (color.length * 3 <= MAX_COLOR_BYTES || Buffer.byteLength(color) <= MAX_COLOR_BYTES) return color;
  return createHash('sha256').update(color).digest('hex');
}

/** A header's text comes byte by byte, as Latin-1; what is UTF-8 is read as that, so that it matches the same annotation. */
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
