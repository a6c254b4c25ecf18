/** The statuses of refused requests. 304 and successes are not errors. */
export type ObjectErrorStatus = 400 | 401 | 403 | 404 | 405 | 408 | 411 | 412 | 413 | 421 | 429 | 431 | 500 | 502 | 503;

/** Why a request for an object is refused. The message is for the caller: it must not contain secrets. */
export class ObjectError extends Error {
  override readonly name = 'ObjectError';
  readonly status: ObjectErrorStatus;
  /** The seconds after which another try may succeed (`Retry-After`); undefined: not because of time. */
  readonly retryAfterS: number | undefined;

  /** The methods that the path takes, for status 405. */
  readonly allow: string | undefined;

  constructor(
    status: ObjectErrorStatus,
    message: string,
    options: { retryAfterS?: number; allow?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.retryAfterS = options.retryAfterS;
    this.allow = options.allow;
  }
}

/** Whether the same request may succeed within seconds: the home of the color is not known, is changing, or has no memory now. */
export const passesSoon = (error: unknown): boolean =>
  error instanceof ObjectError && error.status === 503 && error.retryAfterS === 1;
