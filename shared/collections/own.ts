/**
 * The entry of a table under a key that a user wrote. The inherited names of objects, such as `constructor`, are no
 * entries.
 */
export const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;
