/** The command failed. The message is one line. `exitCode` is 2 for an invalid command line. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly exitCode: 1 | 2;
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
