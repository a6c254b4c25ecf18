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

/** The length in characters up to which the values of a JSON text are not limited. */
const UNCOUNTED_LENGTH = 1024 * 1024;

/** The most values in one JSON text, including names of fields. */
export const MAX_VALUES = 250_000;

/**
 * Whether a long JSON text has so many values that parsing it would block the event loop for too long. Parsing a value
 * takes far longer than skipping its text.
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
