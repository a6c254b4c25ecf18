/** The users in OpenWhisk's repository with their well-known keys, as `uuid:key`. */
export const WELL_KNOWN_USERS = {
  guest: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
  'whisk.system':
    '789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
} as const;

const KEYS: ReadonlyMap<string, string> = new Map(
  Object.values(WELL_KNOWN_USERS).map((key): [string, string] => [key.slice(0, key.indexOf(':')), key]),
);

/** The well-known key of a uuid, as `uuid:key`; undefined if the uuid has none. */
export const wellKnownKeyOf = (uuid: string): string | undefined => KEYS.get(uuid.toLowerCase());

/** Whether the key is well known. */
export const isWellKnownKey = (uuid: string, key: string): boolean =>
  wellKnownKeyOf(uuid) === `${uuid.toLowerCase()}:${key}`;

/** The origins from which well-known keys are accepted: programs on the server's own machine, or all callers. */
export type WellKnownKeysFrom = 'loopback' | 'anywhere';
