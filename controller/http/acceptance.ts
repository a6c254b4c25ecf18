import type { ContentType } from './ContentType.js';

interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly q: number;
}

const RANGE = /^([^\s/;,]+)\/([^\s/;,]+)$/;

/**
 * Whether a caller takes an answer of this type, by its `Accept` and `Accept-Charset` headers. Without them, or where
 * they cannot be read, it takes anything. The most specific range that fits decides, so `q=0` refuses.
 */
export function isAcceptable(
  type: ContentType,
  accept: string | undefined,
  acceptCharset: string | undefined,
): boolean {
  return acceptsMediaType(type, accept) && acceptsCharset(type, acceptCharset);
}

function acceptsMediaType(type: ContentType, accept: string | undefined): boolean {
  if (accept === undefined) return true;
  const ranges = parseAccept(accept);
  if (!ranges || ranges.length === 0) return true;
  const slash = type.essence.indexOf('/');
  const [main, sub] = [type.essence.slice(0, slash), type.essence.slice(slash + 1)];
  const fitting = ranges.filter(
    (range) =>
      (range.type === '*' || range.type === main) &&
      (range.subtype === '*' || range.subtype === sub) &&
      [...range.parameters].every(([name, value]) => name === 'charset' || type.parameters.get(name) === value),
  );
  const best = fitting.toSorted(
    (a, b) => specificity(b) - specificity(a) || b.parameters.size - a.parameters.size || b.q - a.q,
  )[0];
  return best !== undefined && best.q > 0;
}

const specificity = (range: Range): number => (range.type === '*' ? 0 : range.subtype === '*' ? 1 : 2);

function parseAccept(header: string): Range[] | undefined {
  const ranges: Range[] = [];
  for (const part of header.split(',')) {
    if (part.trim() === '') continue;
    const [name = '', ...rest] = part.split(';').map((piece) => piece.trim());
    // Old clients send a lone `*`.
    const match = RANGE.exec(name === '*' ? '*/*' : name);
    if (!match) return undefined;
    const parameters = new Map<string, string>();
    for (const piece of rest) {
      const equals = piece.indexOf('=');
      if (equals > 0) parameters.set(piece.slice(0, equals).trim().toLowerCase(), piece.slice(equals + 1).trim());
    }
    const q = Number(parameters.get('q') ?? 1);
    parameters.delete('q');
    ranges.push({
      type: (match[1] as string).toLowerCase(),
      subtype: (match[2] as string).toLowerCase(),
      parameters,
      q: Number.isNaN(q) ? 1 : q,
    });
  }
  return ranges;
}

function acceptsCharset(type: ContentType, header: string | undefined): boolean {
  // Bytes have no charset, and a text that could come in any is not refused for ours.
  if (type.binary || (type.openCharset && type.charset === undefined)) return true;
  if (header === undefined || header.trim() === '') return true;
  let fallback = 0;
  for (const part of header.split(',')) {
    const [name = '', ...rest] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const q = Number(rest.find((piece) => piece.startsWith('q='))?.slice(2) ?? 1);
    if (name === 'utf-8' || name === 'utf8') return q > 0;
    if (name === '*') fallback = q;
  }
  return fallback > 0;
}
