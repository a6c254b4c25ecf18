import type { WriteStream } from 'node:tty';

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** The name of a style. */
export type Style = keyof typeof CODES;

/** Adds a terminal's style to a text, or returns it unchanged. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

export const colored: Paint = (style, text) => {
  const [on, off] = CODES[style];
  return `\x1b[${on}m${text}\x1b[${off}m`;
};

/** Colors for a terminal that shows them, unless NO_COLOR or NODE_DISABLE_COLORS is set. */
export function paintFor(
  stream: Pick<WriteStream, 'isTTY'> & Partial<Pick<WriteStream, 'getColorDepth'>>,
  variables: Readonly<Record<string, string | undefined>>,
): Paint {
  if (!stream.isTTY) return plain;
  const depth = stream.getColorDepth?.({ ...variables }) ?? 1;
  return depth > 1 && (variables['NO_COLOR'] ?? '') === '' ? colored : plain;
}

/** Everything below a space but the tabulator, and DEL to the C1 controls. Terminals obey these characters. */
// oxlint-disable-next-line no-control-regex -- control characters are what is removed
const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;
/** Sequences that only change the style of text. */
// oxlint-disable-next-line no-control-regex -- these sequences begin with a control character
const STYLES = /\u001b\[[0-9;]{0,20}m/g;

/** A text of an action or a client, in one line and without sequences that would control the terminal. */
export function harmless(text: string, maxLength: number): string {
  const bounded = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return bounded.replaceAll(STYLES, '').replaceAll(CONTROLS, ' ');
}
