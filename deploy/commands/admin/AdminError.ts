/** What was asked for cannot be done; the message says why in one line. `exitCode` is 2 where the command line is at fault. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly exitCode: 1 | 2;
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
