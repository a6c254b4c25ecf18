/** The bytes or characters to process before other work gets a turn: some ms of processor time. */
export const SLICE = 1024 * 1024;

/** Resolves after the event loop has run other waiting work. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
