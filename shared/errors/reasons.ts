/* Readers of caught values. They make no assumptions, since any value can be thrown. */

/** The message of an error; for other values their text. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return hasMessage(error) ? error.message : String(error);
}

/** The code of an error, such as `ENOENT` of Node or the exit code of a program; undefined if it has none. */
export function codeOf(error: unknown): string | number | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' || typeof error.code === 'number' ? error.code : undefined;
}

/** The trimmed standard error of a failed program; '' if it is unknown. */
export function stderrOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('stderr' in error)) return '';
  return typeof error.stderr === 'string' ? error.stderr.trim() : '';
}

/**
 * An error and its causes in one line. Only unexpected errors (without a code, and of a built-in class) have the stack.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` (cause: ${describeError(error.cause)})`;
  const unexpected = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  return (unexpected && error.stack ? error.stack : `${error.name}: ${error.message}`) + cause;
}

/** The message of an error and those of its causes, in one line and without a stack. */
export function describeBriefly(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? ` (cause: ${describeBriefly(error.cause)})` : '';
  // An error of several addresses has no message, only a code.
  const said = messageOf(error) || String(codeOf(error) ?? 'unknown error');
  return said.replaceAll(/\s+/g, ' ') + cause;
}

const hasMessage = (error: unknown): error is { readonly message: string } =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';
