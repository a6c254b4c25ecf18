/** Why an operation on an object failed. */
export class ObjectsError extends Error {
  /** The name of the class. */
  override readonly name = 'ObjectsError';
  /** The server's HTTP status, such as 412 for a condition that does not hold. 0: no response (see `message`). */
  readonly status: number;
  /** The seconds after which another try may succeed; undefined: not because of time. */
  readonly retryAfterS: number | undefined;
  /** The id of the failed request in the server's log; undefined without a response. */
  readonly code: string | undefined;

  constructor(
    status: number,
    message: string,
    more: {
      readonly retryAfterS?: number | undefined;
      readonly code?: string | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.status = status;
    this.retryAfterS = more.retryAfterS;
    this.code = more.code;
  }
}
