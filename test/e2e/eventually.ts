/** A test that passes waits for less than a second. On a busy machine, it can be a minute. */
const LIMIT_MS = 120_000;

/** Tries until it does not fail any more, for at most so long (ms); then fails as it did last. */
export async function eventually<T>(attempt: () => T | Promise<T>, limitMs = LIMIT_MS): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
