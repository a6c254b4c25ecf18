/*
 * `npm run local`: runs `run.ts` in a process group of its own. A terminal sends its Ctrl-C to every process of a group at
 * once, and these have to end one after the other.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ORDERLY_END_S } from './RunGuardian.js';

const source = import.meta.url.endsWith('.ts');
const run = fileURLToPath(new URL(`./run.${source ? 'ts' : 'js'}`, import.meta.url));
const child = fork(run, process.argv.slice(2), { detached: true });
process.on('SIGINT', () => child.kill('SIGINT'));
process.on('SIGTERM', () => child.kill('SIGTERM'));
// The terminal is gone. Where this process is killed, the runner ends too; where both are, their guardian ends the rest.
process.on('SIGHUP', () => child.kill('SIGTERM'));
child.once('exit', (code, signal) => {
  if (signal !== null) {
    process.stderr.write(
      `palette-whisk local: the runner was ended by ${signal}; what it started ends within ${ORDERLY_END_S + 5} s\n`,
    );
  }
  process.exit(code ?? 1);
});
