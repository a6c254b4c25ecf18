import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether both are the same, in a time that tells nothing about where, or whether, their lengths and letters differ. */
export function sameSecret(a: string, b: string): boolean {
  // Digests have one length whatever the texts have.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
