/** Variables that OpenWhisk's actions do not have. */
const UNLISTED = /^__OW_OBJECTS_/;

/**
 * The environment of an action.
 *
 * The variables of a run are set when the action first looks at its environment, which few actions do. The C library keeps each
 * value that a variable ever had: a run would leave 300 bytes behind, and take longer with each run. They are set at the start of
 * a run from the moment on when the action can look at them unnoticed: in its own object, in a worker, or in native code.
 */
export class ActionEnvironment {
  /**
   * The environment as the action sees it. It reads and writes all variables, but lists only those that OpenWhisk has: an
   * action that lists the variables `__OW_*`, or copies them to another service, sees the same as there.
   */
  readonly seen: NodeJS.ProcessEnv;
  readonly #real: NodeJS.ProcessEnv;
  /** The object that the action has put in place of `seen`. */
  #replacement: NodeJS.ProcessEnv | undefined;
  /** The variables of the last `/run`, by their names in its body, until they are set. */
  #run: readonly (readonly [name: string, value: string])[] | undefined;
  #early = false;

  constructor(real: NodeJS.ProcessEnv) {
    this.#real = real;
    this.seen = new Proxy(real, {
      get: (target, key): unknown => Reflect.get(this.#whole(target), key),
      has: (target, key) => Reflect.has(this.#whole(target), key),
      // Without this trap, a write to an existing variable defines it by its value alone, which Node.js refuses.
      set: (target, key, value) => Reflect.set(this.#whole(target), key, value),
      deleteProperty: (target, key) => Reflect.deleteProperty(this.#whole(target), key),
      getOwnPropertyDescriptor: (target, key) => Reflect.getOwnPropertyDescriptor(this.#whole(target), key),
      ownKeys: (target) =>
        Reflect.ownKeys(this.#whole(target)).filter((key) => typeof key === 'symbol' || !UNLISTED.test(key)),
    });
  }

  /** Sets a variable for good, as `/init` does. */
  set(name: string, value: string): void {
    this.#real[name] = value;
  }

  /** To be called at the start of a run: all texts of its body but `value` become variables. */
  begin(body: Readonly<Record<string, unknown>>): void {
    const run: [string, string][] = [];
    for (const key in body) {
      const variable = body[key];
      if (typeof variable === 'string' && key !== 'value') run.push([key, variable]);
    }
    this.#run = run;
    if (this.#early) this.complete();
  }

  /** Sets the variables of the current run, and from now on those of each run at its start. */
  setEarly(): void {
    this.#early = true;
    this.complete();
  }

  /** To be called when the action replaces its environment, which then gets the variables of later runs, too. */
  replace(replacement: NodeJS.ProcessEnv): void {
    this.setEarly();
    this.#replacement = replacement === this.seen ? undefined : replacement;
  }

  /** Sets the variables of the current run. */
  complete(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    for (const [key, value] of run) {
      const name = `__OW_${key.toUpperCase()}`;
      this.#real[name] = value;
      if (this.#replacement === undefined) continue;
      try {
        Reflect.set(this.#replacement, name, value);
      } catch {
        // The action's object takes no variables.
      }
    }
  }

  #whole(target: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    this.complete();
    return target;
  }
}

/** Makes `process.env` the environment of an action. */
export function replaceEnvironment(): ActionEnvironment {
  const environment = new ActionEnvironment(process.env);
  let current = environment.seen;
  Object.defineProperty(process, 'env', {
    configurable: true,
    enumerable: true,
    get() {
      // Workers copy the environment without a look at it.
      environment.complete();
      return current;
    },
    set(replacement: NodeJS.ProcessEnv) {
      environment.replace(replacement);
      current = replacement;
    },
  });
  // A worker with SHARE_ENV and a native addon read the variables of the process.
  process.on('worker', () => environment.setEarly());
  const load = process.dlopen.bind(process);
  process.dlopen = (...args) => {
    environment.setEarly();
    return load(...args);
  };
  return environment;
}
