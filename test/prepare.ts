import { installCouch } from './integration/couchdb/couch.js';
import { clientsInstalled, installClients } from './e2e/clients.js';
import { ensureDocker } from './integration/docker.js';
import { kafkaClasspath } from './integration/kafka/broker.js';

/**
 * Gets the real parts that a tier needs. Under CI=true a part that cannot be had is an error; elsewhere the tests that
 * need it say so and are skipped.
 */
export async function prepare(tier: 'integration' | 'conformance' | 'e2e'): Promise<void> {
  await orSkip(async () => {
    const docker = await ensureDocker({ install: process.env['CI'] === 'true' });
    if (!docker.usable) throw new Error(`no tests with Docker: ${docker.reason}`);
  });
  await orSkip(async () => void installCouch());
  await orSkip(async () => void (await kafkaClasspath()));
  if (tier === 'e2e' && !clientsInstalled()) await orSkip(async () => installClients());
}

async function orSkip(get: () => Promise<void>): Promise<void> {
  try {
    await get();
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    console.warn(error instanceof Error ? error.message : error);
  }
}
