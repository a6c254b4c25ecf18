/** The bound on the depth of nested objects and arrays, as in OpenWhisk. */
export const MAX_DEPTH = 1000;

/**
 * Whether a valid JSON text exceeds `MAX_DEPTH`. `JSON.parse` accepts such a text, but `JSON.stringify` would overflow
 * the stack.
 */
export function nestsTooDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      i = endOfString(text, i);
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth >= MAX_DEPTH) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

/** The index of the closing quote of the string at `start`. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/** A JSON text of at most so many characters may hold as many values as fit. */
const UNCOUNTED_LENGTH = 1024 * 1024;

/** The most values in one JSON text, names of fields included. */
export const MAX_VALUES = 250_000;

/**
 * Whether a long JSON text holds so many values that reading it would take the event loop for too long: to read a value takes
 * far longer than to pass over its text.
 */
export function holdsTooManyValues(text: string): boolean {
  if (text.length <= UNCOUNTED_LENGTH) return false;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) i = endOfString(text, i);
    else if ((code === 0x2c || code === 0x3a || code === 0x5b || code === 0x7b) && ++values > MAX_VALUES) return true;
  }
  return false;
}
