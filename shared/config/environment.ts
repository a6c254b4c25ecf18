/** Environment variables that are set, by name. */
export type Environment = Readonly<Record<string, string>>;

/**
 * The environment of this process, the one place that reads it. An empty variable counts as not set: deployment tools
 * pass those on for what they have no value for.
 */
export function environment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const set = Object.entries(variables).flatMap(([name, value]): [string, string][] => {
    const trimmed = value?.trim() ?? '';
    return trimmed === '' ? [] : [[name, trimmed]];
  });
  return Object.fromEntries(set);
}
