import { createRequire, Module } from 'node:module';

/** Modules that a package requires and seldom uses. */
interface Deferred {
  /** The package, after those that lead to it. */
  readonly from: readonly string[];
  readonly modules: readonly string[];
}

/**
 * What this program does not use, or seldom does. dockerode loads gRPC for builds with BuildKit, and docker-modem an SSH
 * client for engines at `ssh://`: more files than this program has. prom-client loads OpenTelemetry for exemplars; express
 * loads parsers of bodies, and what sends files; winston loads colors, and what closes many transports.
 */
const SELDOM_USED: readonly Deferred[] = [
  { from: ['dockerode'], modules: ['./session', 'tar-fs'] },
  { from: ['dockerode', 'docker-modem'], modules: ['./ssh'] },
  { from: ['prom-client'], modules: ['@opentelemetry/api'] },
  {
    from: ['express'],
    modules: ['qs', 'mime-types', 'http-errors', 'send', 'serve-static', 'content-disposition', 'cookie-signature'],
  },
  {
    from: ['express', 'body-parser'],
    modules: ['./lib/types/json', './lib/types/raw', './lib/types/text', './lib/types/urlencoded'],
  },
  { from: ['winston'], modules: ['async/forEach', 'stack-trace'] },
  { from: ['winston', 'logform'], modules: ['@colors/colors/safe'] },
];

/**
 * Lets the seldom used parts of packages load at their first use. To be called before the packages are loaded. If another
 * version of a package has other files, they load with it.
 */
export function deferSeldomUsed(): void {
  for (const { from, modules } of SELDOM_USED) {
    try {
      let require = createRequire(import.meta.url);
      for (const name of from) require = createRequire(require.resolve(name));
      for (const module of modules) defer(require, require.resolve(module));
    } catch {
      // The package is not installed, or has other files.
    }
  }
}

/**
 * Puts a module into the cache of `require` that loads the file when a property of its exports is read, or when they are
 * called.
 */
function defer(require: NodeJS.Require, file: string): void {
  if (require.cache[file]) return;
  const deferred = new Module(file);
  let loaded: object | undefined;
  /** Properties that were set before the file was loaded. */
  const written = new Map<PropertyKey, unknown>();
  const load = (): object => {
    if (loaded) return loaded;
    if (require.cache[file] === deferred) delete require.cache[file];
    const exports: unknown = require(file);
    if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) throw new TypeError(file);
    for (const [name, value] of written) Reflect.set(exports, name, value);
    return (loaded = exports);
  };
  deferred.filename = file;
  deferred.loaded = true;
  deferred.exports = new Proxy(() => undefined, {
    get: (_, name): unknown => Reflect.get(load(), name),
    has: (_, name) => Reflect.has(load(), name),
    ownKeys: () => Reflect.ownKeys(load()),
    getOwnPropertyDescriptor: (_, name) => {
      const found = Reflect.getOwnPropertyDescriptor(load(), name);
      // A proxy may not call a property fixed that its target lacks.
      return found && { ...found, configurable: true };
    },
    set: (_, name, value: unknown) => (loaded ? Reflect.set(loaded, name, value) : written.set(name, value).size > 0),
    apply(_, self, args): unknown {
      const called = load();
      if (typeof called !== 'function') throw new TypeError(`${file} exports no function`);
      return Reflect.apply(called, self, args);
    },
  });
  require.cache[file] = deferred;
}
