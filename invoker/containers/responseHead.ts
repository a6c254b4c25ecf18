/** What the head of a response says about its body and its connection, and what a client of a container needs. */
export interface ResponseHead {
  readonly status: number;
  /** The length of the body in bytes; undefined if the response does not announce it. */
  readonly length: number | undefined;
  /** How long the server keeps the idle connection, in ms; undefined if it does not say. */
  readonly keepAliveMs: number | undefined;
  /** Whether the server closes the connection after this response. */
  readonly closes: boolean;
  /** The value of `x-invoker-token`. */
  readonly token: string | undefined;
  /** The value of `x-palette-logs`. */
  readonly logs: string | undefined;
}

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |$)/;
const TIMEOUT = /(?:^|[\s,])timeout=(\d{1,9})/i;

/**
 * Parses a status line and header fields (RFC 9112), without the empty line after them.
 * @throws Error for a text that is not HTTP/1, and for a length that is not a number.
 */
export function parseHead(text: string): ResponseHead {
  const end = text.indexOf('\r\n');
  const [, minor, status] = STATUS_LINE.exec(end < 0 ? text : text.slice(0, end)) ?? [];
  if (status === undefined) throw new Error('the response is not HTTP');
  let length: number | undefined;
  let keepAliveMs: number | undefined;
  let closes = minor === '0';
  let token: string | undefined;
  let logs: string | undefined;
  let encoded = false;
  for (let from = end < 0 ? text.length : end + 2; from < text.length;) {
    const next = text.indexOf('\r\n', from);
    const to = next < 0 ? text.length : next;
    const colon = text.indexOf(':', from);
    if (colon <= from || colon > to) throw new Error('the response has a malformed header');
    const value = text.slice(colon + 1, to).trim();
    switch (text.slice(from, colon).toLowerCase()) {
      case 'content-length':
        if (!/^\d{1,15}$/.test(value) || (length !== undefined && length !== Number(value))) {
          throw new Error('the response has a malformed length');
        }
        length = Number(value);
        break;
      case 'transfer-encoding':
        encoded = true;
        break;
      case 'connection':
        if (/\bclose\b/i.test(value)) closes = true;
        else if (/\bkeep-alive\b/i.test(value)) closes = false;
        break;
      case 'keep-alive': {
        const seconds = TIMEOUT.exec(value)?.[1];
        if (seconds !== undefined) keepAliveMs = Number(seconds) * 1000;
        break;
      }
      case 'x-invoker-token':
        token = value;
        break;
      case 'x-palette-logs':
        logs = value;
        break;
      default:
    }
    from = to + 2;
  }
  return { status: Number(status), length: encoded ? undefined : length, keepAliveMs, closes, token, logs };
}

/** The header fields of a text that `parseHead` takes, by lower-case name. The last one of a name counts. */
export function parseFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return fields;
}
