/** The most values to search for the one that JSON lacks. */
const MAX_SEARCHED = 100_000;

/**
 * The JSON of an action's result.
 * @throws Error that names the value that JSON lacks, and says what to return instead
 */
export function resultJson(result: object | null): string {
  try {
    return JSON.stringify(result) ?? 'null';
  } catch (error) {
    const fault = findFault(result) ?? (error instanceof Error ? error.message : String(error));
    throw new Error(`The result cannot be written as JSON: ${fault}`, { cause: error });
  }
}

interface Place {
  readonly value: unknown;
  readonly path: string;
  readonly parent: Place | undefined;
}

/** The first value in a result that JSON lacks: a BigInt, or a reference to an object that contains it. */
function findFault(result: unknown): string | undefined {
  const open: Place[] = [{ value: result, path: 'result', parent: undefined }];
  for (let count = 0; count < MAX_SEARCHED; count += 1) {
    const place = open.pop();
    if (!place) return undefined;
    const { value, path } = place;
    if (typeof value === 'bigint') return `${path} is a BigInt. Return String(…) or Number(…) of it.`;
    if (typeof value !== 'object' || value === null) continue;
    for (let above = place.parent; above; above = above.parent) {
      if (above.value === value) return `${path} refers to ${above.path}, which contains it. Return a copy without it.`;
    }
    if ('toJSON' in value && typeof value.toJSON === 'function') continue;
    const isArray = Array.isArray(value);
    const children = Object.entries(value).map(([key, child]): Place => ({
      value: child,
      path: `${path}${isArray ? `[${key}]` : field(key)}`,
      parent: place,
    }));
    open.push(...children.toReversed());
  }
  return undefined;
}

const field = (key: string): string => (/^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);
