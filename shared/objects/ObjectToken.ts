import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';

/** The namespace of a request, and its limit. */
export interface ObjectNamespace {
  /** Identifies the namespace: names can be used again after a namespace is deleted. */
  readonly uuid: string;
  readonly name: string;
  /** The namespace's own limit on the memory of its objects in one invoker, in bytes; undefined: none. */
  readonly limitBytes: number | undefined;
}

/** The wire form: short names, since a token is in each request. */
const claimsSchema = z.tuple([z.string(), z.string(), z.number().nonnegative().nullable()]);

/** The longest token to look at, in characters. */
const MAX_TOKEN_LENGTH = 4096;

/**
 * Makes and verifies the tokens of containers. A token names a namespace, and is valid for one namespace in one
 * invoker: the secret is new at each start of an invoker, and the signature contains the invoker's name.
 */
export class ObjectTokens {
  readonly #secret: Uint8Array;
  readonly #invoker: string;

  /** @param secret at least 32 random bytes. */
  constructor(secret: Uint8Array, invoker: string) {
    this.#secret = secret;
    this.#invoker = invoker;
  }

  make({ uuid, name, limitBytes }: ObjectNamespace): string {
    const claims = Buffer.from(JSON.stringify([uuid, name, limitBytes ?? null])).toString('base64url');
    return `${claims}.${this.#sign(claims).toString('base64url')}`;
  }

  /** The namespace of a token; undefined if the token is not one of this invoker. Compares in constant time. */
  verify(token: string): ObjectNamespace | undefined {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    const dot = token.lastIndexOf('.');
    if (dot < 0) return undefined;
    const claims = token.slice(0, dot);
    const signature = Buffer.from(token.slice(dot + 1), 'base64url');
    const expected = this.#sign(claims);
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined;
    return readClaims(claims);
  }

  #sign(claims: string): Buffer {
    return createHmac('sha256', this.#secret).update(`${this.#invoker}\n${claims}`).digest();
  }
}

function readClaims(claims: string): ObjectNamespace | undefined {
  const [uuid, name, limit] = claimsSchema.parse(JSON.parse(Buffer.from(claims, 'base64url').toString()));
  return { uuid, name, limitBytes: limit ?? undefined };
}
