import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import type { ObjectNamespace } from './ObjectToken.js';

/*
 * Requests between invokers, and from controllers to invokers, carry the header `X-Palette-Peer`. It is signed with the
 * cluster secret over method, path with query, operation, namespace and time. The signature does not cover the body,
 * which is streamed: use TLS in a network that others can write to. A request with this header is never forwarded
 * again, so that requests cannot go in circles.
 */

export const PEER_HEADER = 'x-palette-peer';

/**
 * `request`: a request of a container or a user, which its receiver executes if it is the home. The others are
 * between homes: see `invoker/objects/sharing/`. `stats`: the operators' view.
 */
export const PEER_OPERATIONS = [
  'request',
  'handover',
  'adopt',
  'take',
  'copy',
  'drop',
  'complete',
  'fence',
  'keep',
  'forget',
  'list',
  'stats',
] as const;
export type PeerOperation = (typeof PEER_OPERATIONS)[number];

export interface PeerClaims {
  readonly operation: PeerOperation;
  /** The sender: `invoker3` or `controller0`. */
  readonly from: string;
  /** Undefined for `stats`. */
  readonly namespace: ObjectNamespace | undefined;
}

/** The signed parts of a request. */
export interface SignedRequest {
  readonly method: string;
  /** With the query, as on the wire. */
  readonly path: string;
}

/** The wire form: short names, since it is in each request. `t`: ms since the epoch. */
const wireSchema = z.object({
  o: z.enum(PEER_OPERATIONS),
  f: z.string().max(128),
  t: z.number(),
  n: z.tuple([z.string(), z.string(), z.number().nonnegative().nullable()]).optional(),
});

/** The largest difference between the clocks of two machines, and the longest delay of a request, in ms. */
export const PEER_WINDOW_MS = 30_000;
const MAX_HEADER_LENGTH = 4096;

/** The value of the header. @param now ms since the epoch. */
export function signPeer(
  secret: string,
  request: SignedRequest,
  { operation, from, namespace }: PeerClaims,
  now: number,
): string {
  const named = namespace && {
    n: [namespace.uuid, namespace.name, namespace.limitBytes ?? null],
  };
  const claims = Buffer.from(JSON.stringify({ o: operation, f: from, t: now, ...named })).toString('base64url');
  return `${claims}.${signature(secret, request, claims).toString('base64url')}`;
}

/**
 * The claims of a request between peers; undefined if the signature is wrong or older than `PEER_WINDOW_MS`. Compares
 * in constant time.
 */
export function verifyPeer(
  secret: string,
  request: SignedRequest,
  header: string,
  now: number,
): PeerClaims | undefined {
  if (header.length > MAX_HEADER_LENGTH) return undefined;
  const dot = header.lastIndexOf('.');
  if (dot < 0) return undefined;
  const claims = header.slice(0, dot);
  const given = Buffer.from(header.slice(dot + 1), 'base64url');
  const expected = signature(secret, request, claims);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const { o, f, t, n } = wireSchema.parse(JSON.parse(Buffer.from(claims, 'base64url').toString()));
  if (Math.abs(now - t) > PEER_WINDOW_MS) return undefined;
  const namespace = n && { uuid: n[0], name: n[1], limitBytes: n[2] ?? undefined };
  return { operation: o, from: f, namespace };
}

function signature(secret: string, { method, path }: SignedRequest, claims: string): Buffer {
  return createHmac('sha256', secret).update(`${method}\n${path}\n${claims}`).digest();
}
