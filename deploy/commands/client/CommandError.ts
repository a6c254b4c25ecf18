/** The process's exit codes. Refusals of a server have those of `wsk`: the lower 8 bits of the HTTP status. */
export const EXIT = { failed: 1, usage: 2 } as const;

/** A command failed. The message is one line that says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message.replaceAll(/\s*\n\s*/g, ' '));
    this.exitCode = exitCode;
  }
}

/** The command line is invalid. */
export const usageError = (message: string): CommandError => new CommandError(message, EXIT.usage);
