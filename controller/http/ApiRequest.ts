import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';

/** A request of the API. Express's requests are such, too. */
export interface ApiRequest extends IncomingMessage {
  transid: TransactionId;
  /** The caller; present on routes behind authentication. */
  identity?: Identity;
  /** Its response. */
  res?: ServerResponse | undefined;
}
