import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;

/** Random bytes for the next ids: one call of the generator costs more than an id. */
const pool = Buffer.alloc(256 * ID_BYTES);
let used = pool.length;

/** 128 random bits as 32 lower-case hexadecimal digits. */
export function randomHex(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const from = used;
  used += ID_BYTES;
  return pool.toString('hex', from, used);
}
