import { STATUS_CODES } from 'node:http';
import { newTransactionId } from '../entities/transaction.js';

/*
 * Refusals of requests that Node.js cannot parse. Its own responses have no body.
 */

export const TARGET_TOO_LONG = 'The target of the request is too long.';

type Refusal = readonly [status: number, message: string];

/** An error of Node's parser, with the bytes that it could not read. */
interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer | undefined;
}

/** The refusal for an error of `clientError`. */
export function refusalOf({ code, rawPacket }: ParseError): Refusal {
  // A first line without an end.
  if (code === 'HPE_HEADER_OVERFLOW' && rawPacket && !rawPacket.includes('\n') && rawPacket.includes(' /')) {
    return [414, TARGET_TOO_LONG];
  }
  if (code === 'HPE_HEADER_OVERFLOW') return [431, 'The headers of the request are too large.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'The request did not arrive in time.'];
  return [400, 'The request is not valid HTTP.'];
}

/** The bytes of a refusal for input that Node could not parse as a request. */
export function rawRefusal(status: number, message: string): string {
  const { headers, body } = refusal(message);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

/** Headers and body of an error of the API, after which the connection is closed. */
export function refusal(message: string): {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  const { id } = newTransactionId();
  const body = JSON.stringify({ error: message, code: id });
  const headers = {
    'X-Request-ID': id,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  return { headers, body };
}
