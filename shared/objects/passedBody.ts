import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';

/**
 * The body of a request, to be passed on with `undici`. The caller destroys it in the end, whether it was sent or not.
 *
 * `undici` destroys a body that it cannot send to its end. Node.js reads no more from the connection of a request that
 * was destroyed, but does not close it: the next request on it gets no response, and 408 a minute later. So `undici`
 * gets a stream of its own, and the rest of the request is read and dropped.
 */
export function passedBody(request: IncomingMessage): Readable {
  const body = new PassThrough();
  request.pipe(body);
  // The error is that of the request to the next process, which the caller gets.
  body
    .on('error', () => undefined)
    .once('close', () => {
      request.unpipe(body);
      request.resume();
    });
  return body;
}
