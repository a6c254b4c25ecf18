import type { Readable } from 'node:stream';

/** Ends the body of a response that is not read to its end. It would keep its connection, and its turn. */
export function dropBody(body: Readable): void {
  if (body.destroyed) return;
  // Without a listener the error of an unread body would end the process.
  body.on('error', () => undefined).destroy();
}
