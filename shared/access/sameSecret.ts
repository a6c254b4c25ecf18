import { hash, timingSafeEqual } from 'node:crypto';

/** Compares two secrets in a time that depends neither on their lengths nor on their content. */
export function sameSecret(a: string, b: string): boolean {
  return comparerOf(a)(b);
}

/** The same for a secret that many texts are compared with: its digest is computed once. */
export function comparerOf(secret: string): (text: string) => boolean {
  const digest = digestOf(secret);
  return (text) => timingSafeEqual(digest, digestOf(text));
}

/** Digests have equal lengths. */
const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');
