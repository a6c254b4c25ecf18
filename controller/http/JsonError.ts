/** A text is not JSON, or beyond what is read of it; the message says where. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}
