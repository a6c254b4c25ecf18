import type { IncomingHttpHeaders } from 'node:http';
import type { MessageReferences } from '../../shared/messages/references.js';
import { PERSISTENCES } from '../../shared/objects/ObjectRequest.js';
import { badRequest } from '../http/ApiError.js';

/** The request header that asks for results by reference. */
const RESULT_HEADER = 'x-openwhisk-result';
const POLICY_HEADER = 'x-openwhisk-color-policy';

/** A larger result is kept as an object, in bytes. */
const OVER = 64 * 1024;
/** How long such an object is kept, in seconds, and at most. */
const TTL_S = 3600;
const MAX_TTL_S = 365 * 24 * 3600;
const MAX_LENGTH = 200;

/**
 * Parses `X-OpenWhisk-Result: reference`, optionally with `; over=BYTES`, `; persistence=stored` and `; ttl=SECONDS`.
 * @returns undefined without the header, or if it is `value`, which is the default.
 * @throws ApiError 400
 */
export function wantedReferences(headers: IncomingHttpHeaders): MessageReferences | undefined {
  const header = headers[RESULT_HEADER];
  if (header === undefined) return undefined;
  const [kind = '', ...options] = (typeof header === 'string' ? header.slice(0, MAX_LENGTH) : '')
    .split(';')
    .map((part) => part.trim());
  if (kind === 'value' && options.length === 0) return undefined;
  if (kind !== 'reference') throw badRequest("The header X-OpenWhisk-Result must be 'value' or 'reference'.");
  const wanted = { over: OVER, ttlMs: TTL_S * 1000, persistence: 'memory' as MessageReferences['persistence'] };
  for (const option of options) {
    const [, name = '', value = ''] = /^(\w+)=(\w+)$/.exec(option) ?? [];
    if (name === 'over') wanted.over = number(option, value, Number.MAX_SAFE_INTEGER);
    else if (name === 'ttl') wanted.ttlMs = Math.max(1, number(option, value, MAX_TTL_S)) * 1000;
    else if (name === 'persistence') wanted.persistence = persistence(option, value);
    else throw malformed(option);
  }
  // The rest of the header is about invocations.
  const [policy = ''] = String(headers[POLICY_HEADER] ?? '').split(';');
  return policy.trim() === '' ? wanted : { ...wanted, policy: policy.trim() };
}

function number(option: string, text: string, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(value <= max)) throw malformed(option);
  return value;
}

function persistence(option: string, text: string): MessageReferences['persistence'] {
  const found = PERSISTENCES.find((known) => known === text);
  if (found === undefined) throw malformed(option);
  return found;
}

const malformed = (option: string): Error =>
  badRequest(
    `The option '${option}' of X-OpenWhisk-Result is not over=BYTES, ttl=SECONDS or persistence=${PERSISTENCES.join('|')}.`,
  );
