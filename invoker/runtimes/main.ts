import Docker from 'dockerode';
import { ensureRuntimeImage } from './image/build.js';
import { messageOf } from '../../shared/errors/reasons.js';

/** `npm run runtimes`: builds a missing or outdated image of the Node.js runtime; with `--force` always. */
try {
  const start = performance.now();
  const image = await ensureRuntimeImage(new Docker(), { rebuild: process.argv.includes('--force') });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const done = image.built ? `built in ${seconds} s` : 'up to date';
  process.stdout.write(`${image.reference} (node ${image.node}): ${done}\n`);
} catch (error) {
  process.stderr.write(`could not build the runtime's image: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
