import { MAX_DEPTH, nestsTooDeep } from '../../shared/entities/nesting.js';

/**
 * The error message for a text that is not JSON. OpenWhisk's clients know it: `Unexpected character 'x' at input index
 * 3 (line 1, position 4), expected ':'`, then the line and a caret. `JSON.parse` decides whether a text is JSON; this
 * runs only for texts that it refuses.
 */
export function explainJsonError(text: string): string {
  const scanner = new Scanner(text);
  try {
    scanner.document();
  } catch (error) {
    if (error instanceof Explained) return error.message;
    throw error;
  }
  return 'JSON expected';
}

class Explained extends Error {}

/** The code for the end of the input. */
const END = -1;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#space();
    this.#value(MAX_DEPTH);
    if (this.#at < this.#text.length) this.#fail('end-of-input');
  }

  #code(): number {
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : END;
  }

  #value(depth: number): void {
    if (depth === 0) throw new Explained(tooDeep(MAX_DEPTH));
    const start = this.#at;
    const char = this.#text[this.#at] ?? '';
    switch (char) {
      case 'f':
        return this.#word('false', start);
      case 'n':
        return this.#word('null', start);
      case 't':
        return this.#word('true', start);
      case '{':
        this.#at++;
        return this.#object(depth);
      case '[':
        this.#at++;
        return this.#array(depth);
      case '"':
        return this.#string();
      default:
        if (char === '-' || isDigit(this.#code())) return this.#number();
        this.#fail('JSON Value');
    }
  }

  #word(word: string, start: number): void {
    for (const char of word) {
      if (this.#text[this.#at] !== char) this.#fail('JSON Value', start);
      this.#at++;
    }
    this.#space();
  }

  #object(depth: number): void {
    this.#space();
    if (!this.#take('}')) {
      do {
        this.#string();
        this.#require(':');
        this.#space();
        this.#value(depth - 1);
      } while (this.#takeThenSpace(','));
      this.#require('}');
    }
    this.#space();
  }

  #array(depth: number): void {
    this.#space();
    if (!this.#take(']')) {
      do this.#value(depth - 1);
      while (this.#takeThenSpace(','));
      this.#require(']');
    }
    this.#space();
  }

  #number(): void {
    this.#take('-');
    if (!this.#take('0')) this.#digits();
    if (this.#take('.')) this.#digits();
    if (this.#take('e') || this.#take('E')) {
      if (!this.#take('-')) this.#take('+');
      this.#digits();
    }
    this.#space();
  }

  #digits(): void {
    if (!isDigit(this.#code())) this.#fail('DIGIT');
    while (isDigit(this.#code())) this.#at++;
  }

  #string(): void {
    if (!this.#take('"')) this.#fail(`'"'`);
    for (;;) {
      const code = this.#code();
      if (code === 0x5c) {
        this.#at++;
        this.#escape();
      } else if (code < 0x20 || code === 0x22) break;
      else this.#at++;
    }
    this.#require('"');
    this.#space();
  }

  #escape(): void {
    const char = this.#text[this.#at];
    if (char === 'u') {
      this.#at++;
      for (let i = 0; i < 4; i++) {
        if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) this.#fail('hex digit');
        this.#at++;
      }
    } else if (char !== undefined && '"/\\bfnrt'.includes(char)) this.#at++;
    else this.#fail('JSON escape sequence');
  }

  #space(): void {
    for (;;) {
      const code = this.#code();
      if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return;
      this.#at++;
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #takeThenSpace(char: string): boolean {
    if (!this.#take(char)) return false;
    this.#space();
    return true;
  }

  #require(char: string): void {
    if (!this.#take(char)) this.#fail(`'${char}'`);
  }

  #fail(expected: string, at = this.#at): never {
    const code = this.#code();
    const unexpected =
      code === END
        ? 'end-of-input'
        : `character '${isControl(code) ? `\\u${code.toString(16).padStart(4, '0')}` : this.#text[this.#at]}'`;
    let line = 1;
    let lineStart = 0;
    for (let next = this.#text.indexOf('\n'); next >= 0 && next < at; next = this.#text.indexOf('\n', lineStart)) {
      line++;
      lineStart = next + 1;
    }
    const column = at - lineStart + 1;
    const lineEnd = this.#text.indexOf('\n', lineStart);
    const quoted = this.#text.slice(lineStart, lineEnd < 0 ? undefined : lineEnd);
    // A long line, such as a megabyte, is not quoted.
    const shown =
      quoted.length > MAX_QUOTED ? '' : Array.from(quoted, (c) => (isControl(c.charCodeAt(0)) ? '?' : c)).join('');
    throw new Explained(
      `Unexpected ${unexpected} at input index ${at} (line ${line}, position ${column}), expected ${expected}:\n` +
        (quoted.length > MAX_QUOTED ? '' : `${shown}\n${' '.repeat(column - 1)}^\n`),
    );
  }
}

const MAX_QUOTED = 2000;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isControl = (code: number): boolean => code < 0x20 || (code >= 0x7f && code <= 0x9f);

export const tooDeep = (limit: number): string =>
  `JSON input nested too deeply:JSON input was nested more deeply than the configured limit of maxNesting = ${limit}`;

/**
 * The error message if objects and arrays of a valid JSON text nest deeper than OpenWhisk allows; otherwise undefined.
 */
export function explainDepth(text: string): string | undefined {
  return nestsTooDeep(text) ? tooDeep(MAX_DEPTH) : undefined;
}
