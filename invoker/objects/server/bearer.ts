import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectNamespace, ObjectTokens } from '../../../shared/objects/ObjectToken.js';

/** The token that a connection has used last. */
interface Verified {
  readonly header: Buffer;
  readonly namespace: ObjectNamespace;
}

/**
 * Reads the namespace of a container from its token. Remembers the token of each connection, since the check of its
 * signature takes a fifth of the time of a small request. Compares both in constant time.
 */
export function bearerAuthentication(tokens: ObjectTokens): (request: IncomingMessage) => ObjectNamespace {
  const verified = new WeakMap<Socket, Verified>();
  return ({ headers: { authorization }, socket }) => {
    if (authorization === undefined) {
      throw new ObjectError(401, 'The request needs the token of __OW_OBJECTS_TOKEN: Authorization: Bearer TOKEN.');
    }
    const header = Buffer.from(authorization, 'latin1');
    const last = verified.get(socket);
    if (last?.header.length === header.length && timingSafeEqual(last.header, header)) return last.namespace;
    const token = /^bearer +([\w.-]+)$/i.exec(authorization)?.[1];
    const namespace = token === undefined ? undefined : tokens.verify(token);
    if (!namespace) throw new ObjectError(401, 'The token is not valid in this invoker.');
    verified.set(socket, { header, namespace });
    return namespace;
  };
}
