import type { IncomingHttpHeaders } from 'node:http';

/** The head of a request that needs nothing but its own body. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** By lower-case name. Requests with equal heads share them. */
  readonly headers: IncomingHttpHeaders;
  /** The length of the body in bytes. */
  readonly length: number;
}

const PLAIN = /^(?:[\x20-\x7e]|\r\n)*$/;
const REQUEST_LINE = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
/** No underscore: an object has a field `__proto__`. */
const NAME = /^[A-Za-z0-9-]+$/;
const LENGTH = /^\d{1,15}$/;
/** Node.js drops headers beyond a number. */
const MAX_HEADERS = 100;

/** Reads the heads of one connection's requests. Most of them differ in the first line only, if at all. */
export class HeadReader {
  #lines = '';
  #headers: IncomingHttpHeaders | undefined;
  #length = 0;

  /**
   * Parses the head of a request, without the empty line after it. It is stricter than HTTP: one of an unusual form is left to a parser
   * that knows all forms.
   * @returns undefined for any other form, for an invalid head, and for the headers that change how a connection goes on.
   */
  read(head: string): RequestHead | undefined {
    const end = head.indexOf('\r\n');
    if (end < 0) return undefined;
    const found = REQUEST_LINE.exec(head.slice(0, end));
    const lines = head.slice(end + 2);
    if (!found || (lines !== this.#lines && !this.#parse(lines))) return undefined;
    const [, method = '', target = ''] = found;
    return this.#headers && { method, target, headers: this.#headers, length: this.#length };
  }

  #parse(lines: string): boolean {
    const headers = fieldsOf(lines);
    const length = headers?.['content-length'] ?? '0';
    if (!headers || !LENGTH.test(length)) return false;
    this.#lines = lines;
    this.#headers = headers;
    this.#length = Number(length);
    return true;
  }
}

function fieldsOf(text: string): IncomingHttpHeaders | undefined {
  if (!PLAIN.test(text)) return undefined;
  const lines = text.split('\r\n');
  if (lines.length > MAX_HEADERS) return undefined;
  const headers: IncomingHttpHeaders = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    // How repeated headers are joined depends on their names.
    if (!NAME.test(name) || headers[name] !== undefined) return undefined;
    switch (name) {
      case 'expect':
      case 'proxy-connection':
      // Its value is a list.
      case 'set-cookie':
      case 'te':
      case 'trailer':
      case 'transfer-encoding':
      case 'upgrade':
        return undefined;
      case 'connection':
        if (value.toLowerCase() !== 'keep-alive') return undefined;
        break;
      default:
    }
    headers[name] = value;
  }
  return headers.host === undefined ? undefined : headers;
}
