/** Variables that OpenWhisk's actions do not have. */
const UNLISTED = /^__OW_OBJECTS_/;

/**
 * The environment of an action.
 *
 * The variables of a run are set when the action first looks at its environment, which few actions do. The C library keeps each
 * value that a variable ever had: a run would leave 300 bytes behind, and take longer with each run.
 */
export class ActionEnvironment {
  /**
   * The environment as the action sees it. It reads and writes all variables, but lists only those that OpenWhisk has: an
   * action that lists the variables `__OW_*`, or copies them to another service, sees the same as there.
   */
  readonly seen: NodeJS.ProcessEnv;
  readonly #real: NodeJS.ProcessEnv;
  /** The body of the last `/run`, until its variables are set. */
  #run: Readonly<Record<string, unknown>> | undefined;

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
    this.#run = body;
  }

  /** Sets the variables of the current run. */
  complete(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    for (const key in run) {
      const variable = run[key];
      if (typeof variable === 'string' && key !== 'value') this.#real[`__OW_${key.toUpperCase()}`] = variable;
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
      current = replacement;
    },
  });
  return environment;
}
