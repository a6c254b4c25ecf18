/** Bytes or characters that are worked on before other work of the process has its turn: some ms of processor time. */
export const SLICE = 1024 * 1024;

/** Resolves when what waits for the event loop has had its turn. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
