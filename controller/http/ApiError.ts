/** Refuses a request with this status and the body `{error, code}`. Request handlers throw it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** Extra response headers, such as `www-authenticate`. */
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string = defaultMessage(status), headers?: Readonly<Record<string, string>>) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The default message of a status. Clients compare these texts. */
const DEFAULT_MESSAGES: Readonly<Record<number, string>> = {
  400: 'The request contains bad syntax or cannot be fulfilled.',
  401: 'Authentication is possible but has failed or not yet been provided.',
  403: 'The supplied authentication is not authorized to access this resource.',
  404: 'The requested resource does not exist.',
  409: 'The request could not be processed because of conflict in the request, such as an edit conflict.',
  413: 'The request is larger than the server is willing or able to process.',
  422: 'The request was well-formed but was unable to be followed due to semantic errors.',
  429: 'The user has sent too many requests in a given amount of time.',
  500: 'There was an internal server error.',
  502: 'The server was acting as a gateway or proxy and received an invalid response from the upstream server.',
  503: 'The server is currently unavailable (because it is overloaded or down for maintenance).',
};

export function defaultMessage(status: number): string {
  return DEFAULT_MESSAGES[status] ?? 'There was an internal server error.';
}

export const badRequest = (message: string): ApiError => new ApiError(400, message);
export const conflict = (message: string): ApiError => new ApiError(409, message);
export const notFound = (message?: string): ApiError => new ApiError(404, message);
export const internalError = (message?: string): ApiError => new ApiError(500, message);

/** No route matches the path and method. */
export const noSuchRoute = (): ApiError => new ApiError(404, 'The requested resource could not be found.');

/** The body is not JSON or does not have the required shape. */
export const malformedContent = (detail: string): ApiError =>
  new ApiError(400, `The request content was malformed:\n${detail}`);

export const malformedQuery = (parameter: string, detail: string): ApiError =>
  new ApiError(400, `The query parameter '${parameter}' was malformed:\n${detail}`);

/** A part of the request (`what`: `Request`, `exec`, `parameters`) has more bytes than allowed. */
export const tooLarge = (what: string, bytes: number, allowed: number): ApiError =>
  new ApiError(413, `${what} larger than allowed: ${bytes} > ${allowed} bytes.`);

export const unsupportedContentType = (given: string, expected: string): ApiError =>
  new ApiError(415, `The request's Content-Type [${given}] is not supported. Expected:\n${expected}`);
