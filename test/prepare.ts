import { fileURLToPath } from 'node:url';
import { writeBundle } from '../deploy/bundle/bundle.js';
import { installCouch } from './integration/couchdb/couch.js';
import { clientsInstalled, installClients } from './e2e/clients.js';
import { ensureDocker } from './integration/docker.js';
import { shareKafkaClasses } from './integration/kafka/broker.js';
import { retried } from './retried.js';
import { NODE_MAJORS, nodeBinaries } from '../invoker/runtimes/versions/NodeBinaries.js';

/*
 * Gets the real parts that tiers need. It is a process of its own, since tests that need no part run meanwhile. The parts come
 * side by side: each waits for a registry most of the time.
 *
 *   node dist/test/prepare.js integration|conformance|e2e ...
 */

const tiers = process.argv.slice(2);
// The server downloads them when an action needs them, and does not try for long.
const binaries = nodeBinaries();
const parts = await Promise.allSettled([
  // Of the programs that tests start: see `programs.ts`.
  writeBundle(fileURLToPath(new URL('../..', import.meta.url))),
  orSkip(async () => {
    const docker = await ensureDocker({ install: process.env['CI'] === 'true' });
    if (!docker.usable) throw new Error(`no tests with Docker: ${docker.reason}`);
  }),
  orSkip(async () => void (await installCouch())),
  orSkip(shareKafkaClasses),
  ...(tiers.includes('e2e') && !clientsInstalled() ? [orSkip(installClients)] : []),
  ...NODE_MAJORS.map((major) =>
    orSkip(async () => void (await retried(`the download of Node.js ${major}`, () => binaries.get(major)))),
  ),
]);
for (const part of parts) if (part.status === 'rejected') throw part.reason;

/** Under CI=true a part that cannot be had is an error; elsewhere the tests that need it say so and are skipped. */
async function orSkip(get: () => Promise<void>): Promise<void> {
  try {
    await get();
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    console.warn(error instanceof Error ? error.message : error);
  }
}
