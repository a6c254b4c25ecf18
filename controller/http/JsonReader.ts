import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { MAX_DEPTH } from '../../shared/entities/nesting.js';
import { tooDeep } from './jsonSyntax.js';
import { JsonError } from './JsonError.js';
import { JsonText } from './JsonText.js';

/*
 * Parses a JSON text chunk by chunk, for bodies that are too large for `JSON.parse`, which blocks the process and
 * builds all values before they can be counted.
 *
 * States, and what leads out of each:
 *   value     a value must follow; its first byte leads to `string`, `number` or `word`, into an array (`first`) or an
 *             object (`firstKey`)
 *   first     as `value`, or the end of an empty array
 *   firstKey  the quote of a key, or the end of an empty object
 *   key       the quote of a key, after a comma
 *   colon     the colon after a key; leads to `value`
 *   after     a comma (to `value` or `key`), or the end of the array or object; outside of both only blanks may follow
 *   string, number, word   within a token; its end leads to `after`, or to `colon` where the token was a key
 */
type State = 'value' | 'first' | 'firstKey' | 'key' | 'colon' | 'after' | 'string' | 'number' | 'word';

/** The text holds more values than allowed. */
export class TooManyValuesError extends Error {
  override readonly name = 'TooManyValuesError';
}

/** The longest number in characters. Numbers become doubles, so more digits add no precision. */
const MAX_NUMBER_LENGTH = 1000;

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WORDS: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

type Container = { readonly array: Json[] } | { readonly object: JsonObject; key: string };

const [QUOTE, COMMA, COLON, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...Buffer.from('",:[]{}')];

/** Parses JSON in UTF-8: call `write` with each chunk of bytes, then `end` for the value. */
export class JsonReader {
  readonly #maxValues: number;
  #state: State = 'value';
  #stack: Container[] = [];
  #root: Json = null;
  #values = 0;
  readonly #text = new JsonText();
  /** Whether the current string is a key. */
  #isKey = false;
  #token = '';
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  /** @param maxValues the most values in the text, including those in arrays and objects. */
  constructor(maxValues: number) {
    this.#maxValues = maxValues;
  }

  /** The number of values so far. */
  get values(): number {
    return this.#values;
  }

  /** @throws JsonError, TooManyValuesError */
  write(bytes: Uint8Array): void {
    let at = this.#offset === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    while (at < bytes.length) {
      if (this.#state === 'string') at = this.#string(bytes, at);
      else if (this.#state === 'number') at = this.#number(bytes, at);
      else if (this.#state === 'word') at = this.#word(bytes, at);
      else {
        const code = bytes[at] ?? 0;
        if (code === 0x0a) this.#newLine(at + 1);
        else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) this.#step(code, at);
        at++;
      }
    }
    this.#offset += bytes.length;
  }

  /** @throws JsonError if the text is incomplete. */
  end(): Json {
    if (this.#state === 'number') this.#endNumber(0);
    if (this.#state !== 'after' || this.#stack.length > 0) this.#fail(undefined, 0, this.#expected());
    return this.#root;
  }

  /** Handles a byte outside of tokens that is not whitespace. */
  #step(code: number, at: number): void {
    const state = this.#state;
    if (state === 'after') this.#afterValue(code, at);
    else if (state === 'colon') {
      if (code !== COLON) this.#fail(code, at, "':'");
      this.#state = 'value';
    } else if ((state === 'first' && code === CLOSE_ARRAY) || (state === 'firstKey' && code === CLOSE_OBJECT)) {
      this.#close();
    } else if (state === 'key' || state === 'firstKey') this.#beginKey(code, at);
    else this.#beginValue(code, at);
  }

  #afterValue(code: number, at: number): void {
    const top = this.#stack.at(-1);
    if (!top) this.#fail(code, at, 'end-of-input');
    const isArray = 'array' in top;
    if (code === COMMA) this.#state = isArray ? 'value' : 'key';
    else if (code === (isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) this.#close();
    else this.#fail(code, at, this.#expected());
  }

  #beginKey(code: number, at: number): void {
    if (code !== QUOTE) this.#fail(code, at, `'"'`);
    this.#isKey = true;
    this.#state = 'string';
  }

  #beginValue(code: number, at: number): void {
    if (++this.#values > this.#maxValues) {
      throw new TooManyValuesError(`it holds more than ${this.#maxValues} values`);
    }
    if (code === QUOTE) this.#state = 'string';
    else if (code === OPEN_ARRAY) this.#open({ array: [] }, 'first');
    else if (code === OPEN_OBJECT) this.#open({ object: {}, key: '' }, 'firstKey');
    else if (code === 0x2d || isDigit(code)) this.#beginToken('number', code);
    else if (code === 0x74 || code === 0x66 || code === 0x6e) this.#beginToken('word', code);
    else this.#fail(code, at, 'JSON Value');
  }

  #beginToken(state: 'number' | 'word', code: number): void {
    this.#token = String.fromCharCode(code);
    this.#state = state;
  }

  #open(container: Container, state: State): void {
    this.#stack.push(container);
    if (this.#stack.length >= MAX_DEPTH) throw new JsonError(tooDeep(MAX_DEPTH));
    this.#state = state;
  }

  #close(): void {
    const top = this.#stack.pop();
    if (top) this.#take('array' in top ? top.array : top.object);
  }

  /** Adds a complete value to its array or object. */
  #take(value: Json): void {
    this.#state = 'after';
    const top = this.#stack.at(-1);
    if (!top) this.#root = value;
    else if ('array' in top) top.array.push(value);
    else if (top.key === '__proto__') {
      // An assignment would change the prototype.
      Object.defineProperty(top.object, top.key, { value, enumerable: true, configurable: true, writable: true });
    } else top.object[top.key] = value;
  }

  #string(bytes: Uint8Array, from: number): number {
    const end = this.#text.read(bytes, from);
    if (end < 0) return bytes.length;
    const code = bytes[end] ?? 0;
    if (code !== QUOTE || this.#text.isInEscape) this.#fail(code, end, this.#text.expected);
    const text = this.#text.take();
    const top = this.#stack.at(-1);
    if (this.#isKey && top && 'object' in top) {
      this.#isKey = false;
      top.key = text;
      this.#state = 'colon';
    } else this.#take(text);
    return end + 1;
  }

  #number(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length && isOfNumber(bytes[at] ?? 0)) at++;
    if (this.#token.length + at - from > MAX_NUMBER_LENGTH) {
      throw new JsonError(`Number too long: it has more than ${MAX_NUMBER_LENGTH} characters`);
    }
    this.#token += Buffer.from(bytes.buffer, bytes.byteOffset + from, at - from).toString('latin1');
    if (at < bytes.length) this.#endNumber(at, bytes[at]);
    return at;
  }

  #endNumber(at: number, code?: number): void {
    if (!NUMBER.test(this.#token)) this.#fail(code, at, 'DIGIT');
    this.#take(Number(this.#token));
  }

  #word(bytes: Uint8Array, from: number): number {
    let at = from;
    for (; at < bytes.length && !WORDS.has(this.#token); at++) {
      this.#token += String.fromCharCode(bytes[at] ?? 0);
      if (![...WORDS.keys()].some((word) => word.startsWith(this.#token))) this.#fail(bytes[at], at, 'JSON Value');
    }
    const value = WORDS.get(this.#token);
    if (value !== undefined) this.#take(value);
    return at;
  }

  #newLine(next: number): void {
    this.#line++;
    this.#lineStart = this.#offset + next;
  }

  #expected(): string {
    const top = this.#stack.at(-1);
    if (this.#state === 'string') return this.#text.expected;
    if (this.#state === 'colon') return "':'";
    if (this.#state === 'firstKey' || this.#state === 'key') return `'"'`;
    if (this.#state === 'after') return top && 'array' in top ? "']'" : "'}'";
    return 'JSON Value';
  }

  /** Throws with a message like that of `explainJsonError`, without the text of the line. Positions count bytes. */
  #fail(code: number | undefined, at: number, expected: string): never {
    const index = this.#offset + at;
    const printable = code !== undefined && code >= 0x20 && code < 0x7f;
    const found =
      code === undefined
        ? 'end-of-input'
        : `character '${printable ? String.fromCharCode(code) : `\\u${code.toString(16).padStart(4, '0')}`}'`;
    throw new JsonError(
      `Unexpected ${found} at input index ${index} (line ${this.#line}, position ${index - this.#lineStart + 1}), ` +
        `expected ${expected}:\n`,
    );
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
/** Whether a byte may be part of a number: a digit, `+`, `-`, `.`, `e` or `E`. */
const isOfNumber = (code: number): boolean =>
  isDigit(code) || code === 0x2b || code === 0x2d || code === 0x2e || code === 0x45 || code === 0x65;
