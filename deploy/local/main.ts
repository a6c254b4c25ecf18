/*
 * `npm run local`: runs `run.ts` in its own process group. A terminal sends Ctrl-C to all processes of a group at once,
 * but these processes must end one after the other.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ORDERLY_END_S } from './RunGuardian.js';

const source = import.meta.url.endsWith('.ts');
const run = fileURLToPath(new URL(`./run.${source ? 'ts' : 'js'}`, import.meta.url));
const child = fork(run, process.argv.slice(2), { detached: true });
process.on('SIGINT', () => child.kill('SIGINT'));
process.on('SIGTERM', () => child.kill('SIGTERM'));
// The terminal was closed. If this process is killed, the runner ends, too; if both are killed, the guardian ends the
// rest.
process.on('SIGHUP', () => child.kill('SIGTERM'));
child.once('exit', (code, signal) => {
  if (signal !== null) {
    process.stderr.write(
      `palette-whisk local: ${signal} ended the runner; its processes end within ${ORDERLY_END_S + 5} s\n`,
    );
  }
  process.exit(code ?? 1);
});
