import type { IncomingMessage, ServerResponse } from 'node:http';
import { newTransactionId, SYSTEM_PREFIX, type TransactionId } from '../../shared/entities/transaction.js';
import type { ApiRequest } from './ApiRequest.js';

declare global {
  // A namespace is the only way to type properties that are added to a request.
  // oxlint-disable-next-line typescript/no-namespace
  namespace Express {
    interface Request extends Pick<ApiRequest, 'transid' | 'identity'> {}
  }
}

/** The default header for the transaction id. */
const TRANSACTION_HEADER = 'X-Request-ID';

/** A valid id: printable ASCII without spaces, bounded, since it is part of a response header and of every log line. */
const ACCEPTABLE = /^[\x21-\x7e]{1,128}$/;

/**
 * The transaction of a request: the caller's id if it is valid, otherwise 32 random letters and digits.
 * `X-OW-Extra-Logging: on` enables more log lines.
 */
function transactionOf(given: string | undefined, extraLogging: string | undefined, now: number): TransactionId {
  const own = given !== undefined && !given.startsWith(SYSTEM_PREFIX) && ACCEPTABLE.test(given) ? given : undefined;
  const transid = newTransactionId(now, own);
  return extraLogging?.toLowerCase() === 'on' ? { ...transid, extraLogging: true } : transid;
}

/** Makes a request of the API: adds a transaction to it, and its id to the response. */
export function transactions(
  clock: () => number,
  header: string = TRANSACTION_HEADER,
): (req: IncomingMessage, res: ServerResponse) => ApiRequest {
  const lowerCase = header.toLowerCase();
  return (req, res) => {
    const given = req.headers[lowerCase];
    const extra = req.headers['x-ow-extra-logging'];
    const transid = transactionOf(single(given), single(extra), clock());
    res.setHeader(header, transid.id);
    return Object.assign(req, { transid });
  };
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
