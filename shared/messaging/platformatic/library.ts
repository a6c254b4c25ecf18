import type * as library from '@platformatic/kafka';

/** The package, which is loaded on demand. */
export type Library = typeof library;

/** Closes a client of the library in any state. Never rejects. */
export function closeNow(client: library.Admin | library.Producer | library.Consumer): Promise<void> {
  return new Promise((resolve) => {
    const closed = (): void => resolve();
    if ('consume' in client || 'send' in client) client.close(true, closed);
    else client.close(closed);
  });
}
