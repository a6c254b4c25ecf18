/** A text is not JSON or exceeds a limit of the parser. The message contains the position. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}
