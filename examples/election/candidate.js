// Wants to be the leader for one term.
const objects = require('palette-whisk/objects');

async function main({ name, dies }) {
  const lock = await objects.lock('cluster', 'leader', { ttlMs: 1000, waitMs: 50_000, renew: !dies });
  if (!lock) return { name, led: false };
  const term = await objects.increment('cluster', 'terms');
  // Two leaders at once would both be here.
  const leaders = await objects.increment('cluster', 'leaders');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await objects.increment('cluster', 'leaders', -1);
  // A container that is killed does not release its lock, and does not renew it either.
  if (!dies) await lock.release();
  return { name, led: true, term, leaders };
}
