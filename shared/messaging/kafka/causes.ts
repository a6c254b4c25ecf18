/** An error of Node or a client library. */
export interface DetailedError extends Error {
  readonly code?: unknown;
  readonly type?: unknown;
  readonly apiId?: unknown;
  readonly retriable?: unknown;
  readonly canRetry?: unknown;
}

/** An error and all wrapped errors (causes and members of aggregates), the outermost first. */
export function chain(error: unknown): DetailedError[] {
  const found: DetailedError[] = [];
  const visit = (one: unknown): void => {
    if (!(one instanceof Error) || found.includes(one) || found.length >= MOST) return;
    found.push(one);
    visit(one.cause);
    // Besides AggregateError, kafkajs has an aggregate of its own.
    if ('errors' in one && Array.isArray(one.errors)) for (const inner of one.errors) visit(inner);
  };
  visit(error);
  return found;
}

/** The most wrapped errors to visit. */
const MOST = 32;

/** Node's codes for refused certificates. */
const CERTIFICATE_CODES = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
]);

export const isCertificateError = (error: unknown): boolean =>
  chain(error).some(({ code }) => CERTIFICATE_CODES.has(String(code)));

/** The cause of a failed connection, as a message for operators, from the innermost error. */
export function causeOf(error: unknown): string {
  const errors = chain(error);
  for (const { code, message } of errors) {
    const about = meaning(String(code));
    if (about !== undefined) return `${about} (${message})`;
  }
  const innermost = errors.at(-1);
  return innermost === undefined ? String(error) : innermost.message;
}

/**
 * The same as `causeOf`, and the rights to grant if the user has too few.
 * @param rights the rights that the request needs, such as `WRITE on the topic t`.
 */
export function causeAndRights(error: unknown, rights: string): string {
  const isDenied = (name: unknown): boolean => String(name).endsWith('_AUTHORIZATION_FAILED');
  if (!chain(error).some(({ type, apiId }) => isDenied(type) || isDenied(apiId))) return causeOf(error);
  return `${causeOf(error).replace(/\.$/, '')}: grant the user ${rights}`;
}

function meaning(code: string): string | undefined {
  if (CERTIFICATE_CODES.has(code)) return 'the certificate of the broker is not accepted';
  return (
    MEANINGS[code] ?? (code.startsWith('ERR_SSL') ? 'TLS failed; does the broker expect it on this port?' : undefined)
  );
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNREFUSED: 'the connection is refused',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EPROTO: 'TLS failed; does the broker expect it on this port?',
};
