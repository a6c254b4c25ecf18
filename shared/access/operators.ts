import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { isCrossSite, isLocal, namesServer, type Caller } from './caller.js';
import { sameSecret } from './sameSecret.js';

/*
 * Who may look into, and switch off, a process: its operator, who is not a user of the API.
 *
 * With configured credentials, only who sends them. Without: who sends the token that the process printed at its start;
 * and what changes nothing is answered to programs on the server's own machine too. Pages of other sites are refused
 * whatever they send: a browser may add credentials that it remembers.
 */

export interface OperatorCredentials {
  readonly username: string;
  readonly password: string;
}

/** What a process knows of its operators. */
export interface OperatorPolicy {
  readonly credentials: OperatorCredentials | undefined;
  /** Undefined where there are credentials. */
  readonly token: string | undefined;
  /** The name of the server's machine. */
  readonly hostname: string;
}

/** The policy of a process; without credentials it has a new token. */
export function operatorPolicy(credentials?: OperatorCredentials): OperatorPolicy {
  const token = credentials ? undefined : randomBytes(24).toString('base64url');
  return { credentials, token, hostname: hostname() };
}

/** The user that goes with the token where a client can send user and password only. */
export const TOKEN_USER = 'operator';

export interface OperatorRequest extends Caller {
  readonly method: string | undefined;
}

export interface OperatorRefusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/** @returns why the request is refused; undefined where it is the operator's. */
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
