import { hash, timingSafeEqual } from 'node:crypto';

/** Compares two secrets in a time that depends neither on their lengths nor on their content. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b));
}

/**
 * Compares texts with one secret in a time that does not depend on its content. A text of its length takes less time than other texts, so
 * the length must not be secret.
 */
export function comparerOf(secret: string): (text: string) => boolean {
  const digest = digestOf(secret);
  const bytes = Buffer.from(secret, 'utf8');
  if (bytes.length !== secret.length) return (text) => timingSafeEqual(digest, digestOf(text));
  const given = Buffer.allocUnsafeSlow(bytes.length);
  return (text) => {
    if (text.length !== secret.length) return timingSafeEqual(digest, digestOf(text));
    // Each character of the secret is one byte. Another text of this length has another byte, even if its last ones have no room.
    given.fill(0);
    given.write(text, 'utf8');
    return timingSafeEqual(bytes, given);
  };
}

/** Digests have equal lengths. */
const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');
