/** Environment variables that are set, by name. */
export type Environment = Readonly<Record<string, string>>;

/**
 * The environment of this process. No other code reads it. An empty variable counts as not set, since deployment tools
 * pass on empty variables for missing values.
 */
export function environment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const set = Object.entries(variables).flatMap(([name, value]): [string, string][] => {
    const trimmed = value?.trim() ?? '';
    return trimmed === '' ? [] : [[name, trimmed]];
  });
  return Object.fromEntries(set);
}
