/** All that is known of a user's function: it takes and returns anything. */
export const isFunction = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function';

/**
 * The value at a path such as `a.b`.
 * @throws TypeError if a part before the last is null or undefined
 */
export function property(from: unknown, path: string): unknown {
  let value = from;
  for (const name of path.split('.')) {
    if (value === null || value === undefined) {
      throw new TypeError(`Cannot read properties of ${value} (reading '${name}')`);
    }
    value = Reflect.get(Object(value), name);
  }
  return value;
}

/**
 * The entry point of a loaded module: what it exports by that name, or its default export has by that name. A function
 * as the default export is `main`.
 */
export function entryOf(loaded: unknown, main: string): unknown {
  const [first = ''] = main.split('.');
  const named: unknown = Reflect.get(Object(loaded), first);
  if (named !== undefined) return property(loaded, main);
  const fallback: unknown = Reflect.get(Object(loaded), 'default');
  if (isFunction(fallback) && main === 'main' && Reflect.get(fallback, 'main') === undefined) return fallback;
  return fallback === undefined ? property(loaded, main) : property(fallback, main);
}
