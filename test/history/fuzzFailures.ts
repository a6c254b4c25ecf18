import { faultsOf } from './randomFailures.js';
import { randomTrial } from './randomTrial.js';

/*
 * Changes objects at random while invokers come and go and requests fail: `npm run fuzz:failures -- [FIRST [COUNT]]`. Each seed has events
 * of its own. Exits with 1 if a caller read a value that it must not read.
 */

const USAGE = 'Usage: npm run fuzz:failures -- [FIRST [COUNT]]   (whole numbers from 1; default: 1 20)';
const words = process.argv.slice(2);
const [first = 1, count = 20] = words.map(Number);
if (words.length > 2 || ![first, count].every((number) => Number.isSafeInteger(number) && number > 0)) {
  console.error(USAGE);
  process.exit(2);
}
let wrong = 0;
for (let seed = first; seed < first + count; seed++) {
  const trial = randomTrial(seed);
  const { events = [], ...rest } = trial;
  console.log(`seed ${seed}: ${events.join(', ')} ${JSON.stringify(rest)}`);
  const startedAt = performance.now();
  const faults = await faultsOf(seed, trial);
  wrong += faults.length;
  console.log(faults.length === 0 ? `  ${Math.round((performance.now() - startedAt) / 1000)} s` : faults.join('\n\n'));
}
console.log(`${count} seeds, ${wrong} colors with a wrong value`);
process.exit(wrong === 0 ? 0 : 1);
