import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { isCrossSite, isLocal, namesServer, type Caller } from './caller.js';
import { sameSecret } from './sameSecret.js';

/*
 * The access of operators, who inspect a process and switch it off. They are not users of the API.
 *
 * With configured credentials, a request needs them. Otherwise a request needs the token that the process prints at its
 * start, except for read-only requests of programs on the server's own machine. Requests from pages of other sites are
 * always refused, since a browser may add saved credentials.
 */

export interface OperatorCredentials {
  readonly username: string;
  readonly password: string;
}

/** The access settings of a process. */
export interface OperatorPolicy {
  readonly credentials: OperatorCredentials | undefined;
  /** Undefined with configured credentials. */
  readonly token: string | undefined;
  /** The name of the server's machine. */
  readonly hostname: string;
}

/** Makes the policy of a process. Without credentials it gets a new token. */
export function operatorPolicy(credentials?: OperatorCredentials): OperatorPolicy {
  const token = credentials ? undefined : randomBytes(24).toString('base64url');
  return { credentials, token, hostname: hostname() };
}

/** The user name for the token, for clients that can only send user and password. */
export const TOKEN_USER = 'operator';

export interface OperatorRequest extends Caller {
  readonly method: string | undefined;
}

export interface OperatorRefusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/** @returns the refusal; undefined if the request is the operator's. */
export function refuseOperator(policy: OperatorPolicy, request: OperatorRequest): OperatorRefusal | undefined {
  if (isCrossSite(request.headers)) return { status: 403, message: 'Requests of other sites are refused.' };
  const given = credentialsIn(request.headers.authorization);
  const { credentials, token } = policy;
  if (credentials) {
    if (!given) return MISSING;
    const right = sameSecret(given.username ?? '', credentials.username);
    return sameSecret(given.password, credentials.password) && right ? undefined : WRONG;
  }
  if (given && token !== undefined && sameSecret(given.password, token)) return undefined;
  if (!namesServer(request.headers, policy.hostname)) {
    return { status: 403, message: 'The request names a host that is not known here.' };
  }
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if (changes) return given ? WRONG : { status: 401, message: TOKEN_WANTED };
  return isLocal(request, policy.hostname) ? undefined : MISSING;
}

const MISSING: OperatorRefusal = {
  status: 401,
  message: 'Authentication is possible but has failed or not yet been provided.',
};
const WRONG: OperatorRefusal = { status: 401, message: 'username or password are wrong.' };
const TOKEN_WANTED = `Without configured credentials this takes the token that the process printed at its start: user ${TOKEN_USER}, the token as password.`;

interface Given {
  readonly username?: string;
  readonly password: string;
}

/** Basic credentials, or a bearer token. */
function credentialsIn(authorization: string | undefined): Given | undefined {
  const [, scheme = '', value = ''] = /^(basic|bearer) +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (scheme === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return { password: value };
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0
    ? { username: text, password: '' }
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
