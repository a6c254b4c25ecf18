/**
 * Makes a function whose calls share one attempt, and its success for ever. After a failure the next call makes another
 * attempt.
 */
export function sharedAttempt(attempt: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  return () =>
    (current ??= attempt().catch((error: unknown) => {
      current = undefined;
      throw error;
    }));
}
