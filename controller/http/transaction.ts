import type { RequestHandler } from 'express';
import { newTransactionId, type TransactionId } from '../../shared/entities/transaction.js';
import type { Identity } from '../../shared/entities/identity.js';

declare global {
  // The one way to type what middleware adds to a request.
  // oxlint-disable-next-line typescript/no-namespace
  namespace Express {
    interface Request {
      transid: TransactionId;
      /** Who calls; there on routes behind `authenticated`. */
      identity?: Identity;
    }
  }
}

/** The header with which a request names its transaction, unless it is configured otherwise. */
const TRANSACTION_HEADER = 'X-Request-ID';

/** Ids that only the system itself may begin with. */
const SYSTEM_PREFIX = 'sid_';
/** Printable ASCII without spaces, and not endless: it goes into a response header and every log line. */
const ACCEPTABLE = /^[\x21-\x7e]{1,128}$/;

/**
 * The transaction of a request: the caller's own id where it has an acceptable one, else 32
 * letters and digits. `X-OW-Extra-Logging: on` asks for more log lines.
 */
function transactionOf(given: string | undefined, extraLogging: string | undefined, now: number): TransactionId {
  const own = given !== undefined && !given.startsWith(SYSTEM_PREFIX) && ACCEPTABLE.test(given) ? given : undefined;
  const transid = newTransactionId(now, own);
  return extraLogging?.toLowerCase() === 'on' ? { ...transid, extraLogging: true } : transid;
}

/** Gives every request its transaction, and the id back in the response. */
export function transactions(clock: () => number, header: string = TRANSACTION_HEADER): RequestHandler {
  const lowerCase = header.toLowerCase();
  return (req, res, next) => {
    const given = req.headers[lowerCase];
    const extra = req.headers['x-ow-extra-logging'];
    req.transid = transactionOf(single(given), single(extra), clock());
    res.setHeader(header, req.transid.id);
    next();
  };
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
