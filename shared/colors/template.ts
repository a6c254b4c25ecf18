import type { Json } from '../entities/keyvalue.js';

/*
 * The annotation `color` of an action: a text with placeholders `{...}` for values.
 *
 *   blue              the color blue
 *   {postId}          the parameter postId
 *   user-{user.id}    the field id of the parameter user
 *   {$activation}     the activation's id: a color of its own for each run
 */

/** A part of a template. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'parameter'; readonly path: readonly string[] }
  | { readonly kind: 'activation' };

export type Template = readonly TemplatePart[];

/** A mistake in a template. `at`: the index in UTF-16 units, from 0. */
export interface TemplateMistake {
  readonly at: number;
  readonly message: string;
}

export type ParsedTemplate =
  | { readonly ok: true; readonly template: Template }
  | { readonly ok: false; readonly mistake: TemplateMistake };

/** Parses an annotation's value. A number counts as its text; any other value that is not text is a mistake. */
export function parseTemplate(annotation: Json): ParsedTemplate {
  if (typeof annotation === 'number') return { ok: true, template: [{ kind: 'text', text: String(annotation) }] };
  if (typeof annotation !== 'string') return mistake(0, 'a color is text or a number');
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < annotation.length) {
    const open = annotation.indexOf('{', at);
    const text = annotation.slice(at, open < 0 ? undefined : open);
    const stray = text.indexOf('}');
    if (stray >= 0) return mistake(at + stray, 'a } without a { before it');
    if (text !== '') parts.push({ kind: 'text', text });
    if (open < 0) break;
    const close = annotation.indexOf('}', open);
    if (close < 0) return mistake(open, 'a { without a } after it');
    const inner = annotation.indexOf('{', open + 1);
    if (inner >= 0 && inner < close) return mistake(inner, 'a { inside of { }');
    const name = annotation.slice(open + 1, close);
    if (name === '$activation') parts.push({ kind: 'activation' });
    else if (name.startsWith('$')) return mistake(open + 1, `${name} is unknown; only $activation is allowed`);
    else {
      const path = name.split('.');
      const empty = path.indexOf('');
      if (empty >= 0) {
        const before = path.slice(0, empty).reduce((length, key) => length + key.length + 1, 0);
        return mistake(open + 1 + before, 'a name is missing');
      }
      parts.push({ kind: 'parameter', path });
    }
    at = close + 1;
  }
  return { ok: true, template: parts };
}

const mistake = (at: number, message: string): ParsedTemplate => ({ ok: false, mistake: { at, message } });

/**
 * Expands a template; undefined if a value is missing, null, empty or not a scalar, or if the result is empty. Looks up
 * only own fields of objects, and elements of arrays by index.
 */
export function expandTemplate(
  template: Template,
  parameters: Json | undefined,
  activationId: string,
): string | undefined {
  let color = '';
  for (const part of template) {
    if (part.kind === 'text') color += part.text;
    else if (part.kind === 'activation') color += activationId;
    else {
      const value = scalarAt(parameters, part.path);
      if (value === undefined) return undefined;
      color += value;
    }
  }
  return color === '' ? undefined : color;
}

function scalarAt(parameters: Json | undefined, path: readonly string[]): string | undefined {
  let value: unknown = parameters;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
