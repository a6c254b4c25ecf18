/** The users of OpenWhisk's own files, with the keys that everybody knows, as `uuid:key`. */
export const WELL_KNOWN_USERS = {
  guest: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
  'whisk.system':
    '789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
} as const;

const KEYS: ReadonlyMap<string, string> = new Map(
  Object.values(WELL_KNOWN_USERS).map((key): [string, string] => [key.slice(0, key.indexOf(':')), key]),
);

/** The well-known key with that first half, as `uuid:key`. */
export const wellKnownKeyOf = (uuid: string): string | undefined => KEYS.get(uuid.toLowerCase());

/** Whether that is a key that everybody knows. */
export const isWellKnownKey = (uuid: string, key: string): boolean =>
  wellKnownKeyOf(uuid) === `${uuid.toLowerCase()}:${key}`;

/** Where such keys are accepted: from programs on the server's own machine, or from everybody. */
export type WellKnownKeysFrom = 'loopback' | 'anywhere';
