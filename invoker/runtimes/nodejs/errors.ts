const ERROR_FIELDS = ['name', 'message', 'stack', 'code'] as const;

/**
 * The reason of a rejection as plain data: an error's name, message, stack and code in addition to its own fields.
 * Omits functions; a circular reference becomes `[Circular]`.
 */
export function serializeError(value: unknown): unknown {
  if (typeof value === 'function') return `[Function: ${value.name || 'anonymous'}]`;
  return typeof value === 'object' && value !== null ? plain(value, []) : value;
}

function plain(from: object, above: readonly object[]): unknown {
  if (Buffer.isBuffer(from)) return '[object Buffer]';
  if ('pipe' in from && typeof from.pipe === 'function') return '[object Stream]';
  if (hasToJson(from)) return from.toJSON();
  const path = [...above, from];
  const copy = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    return path.includes(value) ? '[Circular]' : plain(value, path);
  };
  if (Array.isArray(from)) return from.filter((item) => typeof item !== 'function').map(copy);
  const to: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(from) as Array<[string, unknown]>) {
    if (typeof value !== 'function') to[key] = copy(value);
  }
  for (const field of ERROR_FIELDS) {
    const value: unknown = Reflect.get(from, field);
    if (typeof value === 'string') to[field] = value;
  }
  if (from instanceof Error && from.cause !== undefined) to['cause'] = copy(from.cause);
  return to;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
