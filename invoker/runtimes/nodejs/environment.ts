/** Variables that OpenWhisk's actions do not have. */
const UNLISTED = /^__OW_OBJECTS_/;

/**
 * The environment for an action. It reads and writes all variables, but lists only those that OpenWhisk has: an action
 * that lists the variables `__OW_*`, or copies them to another service, sees the same as there.
 */
export function listedAsOpenWhisk(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return new Proxy(environment, {
    // Without this trap, a write to an existing variable defines it by its value alone, which Node.js refuses.
    set: (target, key, value) => Reflect.set(target, key, value),
    ownKeys: (target) => Reflect.ownKeys(target).filter((key) => typeof key === 'symbol' || !UNLISTED.test(key)),
  });
}
