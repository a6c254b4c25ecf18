import { clientsInstalled, installClients } from './e2e/clients.js';

/**
 * Gets the real parts that a tier needs. Under CI=true a part that cannot be had is an error; elsewhere the tests that
 * need it say so and are skipped.
 */
export async function prepare(tier: 'integration' | 'conformance' | 'e2e'): Promise<void> {
  if (tier === 'e2e' && !clientsInstalled()) orSkip(installClients);
}

function orSkip(get: () => void): void {
  try {
    get();
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    console.warn(error instanceof Error ? error.message : error);
  }
}
