import type { ActionEnvironment } from './environment.js';
import { serializeError } from './errors.js';
import { resultJson } from './json.js';
import { explainStack } from './stacks.js';

/** The user's function. */
export type Handler = (args: unknown) => unknown;

/** The action in the body of `/init`. */
export interface ActionCode {
  readonly code: string;
  /** The name of the function: `main` or `a.b.c`; for an archive also `module.function`. */
  readonly main: string;
  /** Whether the code is a base64 archive (zip or tar.gz). */
  readonly binary: boolean;
  /** Whether it is that of a rehearsal, which must not replace the text of the true action, which may come meanwhile. */
  readonly rehearsal?: boolean;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  /** The JSON of the body, if it is known. */
  readonly json?: string;
  /** Tells the invoker that this runtime signs its sentinels with the invoker's token. */
  readonly tokenAccepted?: boolean;
  /** Tells the invoker that the run wrote nothing, and that no sentinels follow. */
  readonly silent?: boolean;
}

/**
 * Ends the logs of a run. Resolves to whether they are empty and end without sentinels.
 * @param reply is sent if the process ends first
 */
export type EndRun = (reply: Reply) => Promise<boolean> | boolean;

export interface ServiceOptions {
  /** Whether runs may overlap. */
  readonly concurrent: boolean;
  /** Takes the variables of `/init`, and of each `/run`. */
  readonly environment: Pick<ActionEnvironment, 'set' | 'begin'>;
  readonly load: (source: ActionCode) => Promise<Handler>;
  /** The text of a file of the action that is not on the disk; undefined for other files. */
  readonly textOf: (file: string) => string | undefined;
  /** Writes to the action's stderr. */
  readonly log: (...values: unknown[]) => void;
  /** Writes the sentinel to both log streams. */
  readonly endLogs: () => void;
}

/**
 * ```
 * ready --init--> starting --ok--> ready (with a handler) --run--> running --> ready
 *                     \--fails--> stopped                              \--throws--> stopped
 * ```
 * With concurrency, a run does not change the state `ready`. The state `stopped` is final: the invoker removes the
 * container.
 */
type State = 'ready' | 'starting' | 'running' | 'stopped';

/** The runtime's side of the action protocol, without HTTP. */
export class ActionService {
  readonly #options: ServiceOptions;
  #state: State = 'ready';
  #handler: Handler | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** Loads the action; `body.value` holds `code`, `main`, `binary` and `env`. */
  async init(body: Record<string, unknown>): Promise<Reply> {
    if (this.#handler) return this.#refuse('Cannot initialize the action more than once.');
    if (this.#state !== 'ready') return this.#refuse(`System not ready, status is ${this.#state}.`);
    const value = isRecord(body['value']) ? body['value'] : {};
    const { code, main, env } = value;
    if (typeof code !== 'string' || typeof main !== 'string' || code === '' || main === '') {
      return failure(403, 'Missing main/no code to execute.');
    }
    this.#state = 'starting';
    if (typeof env === 'object' && env !== null) this.#setEnvironment(env);
    try {
      this.#handler = await this.#options.load({ code, main, binary: Boolean(value['binary']) });
    } catch (thrown) {
      this.#state = 'stopped';
      const error = this.#explain(thrown);
      this.#options.log('Error during initialization:', error);
      this.#options.endLogs();
      return failure(502, `Initialization has failed due to: ${stackOf(error)}`);
    }
    this.#state = 'ready';
    return { status: 200, body: { OK: true } };
  }

  /**
   * Runs the action once. `body.value` holds its arguments; all other strings become environment variables.
   * @param end ends the logs of a run that did not fail. Missing: `endLogs`.
   */
  async run(body: Record<string, unknown>, end?: EndRun): Promise<Reply> {
    const handler = this.#handler;
    if (!handler) return this.#refuse('System not initialized.');
    if (this.#state !== 'ready') return this.#refuse(`System not ready, status is ${this.#state}.`);
    const args = body['value'] ?? {};
    if (typeof args !== 'object') {
      return this.#refuse(`Internal system error: the argument must be a dictionary but has type '${typeof args}'.`);
    }
    if (!this.#options.concurrent) this.#state = 'running';
    this.#options.environment.begin(body);

    let result: unknown;
    try {
      result = handler(args);
    } catch (error) {
      this.#state = 'stopped';
      this.#options.log(this.#explain(error));
      this.#options.endLogs();
      return failure(502, `An error has occurred: ${String(error)}`);
    }
    try {
      result = await result;
    } catch (error) {
      result = { error: error ? serializeError(this.#explain(error)) : {} };
    }
    const reply = this.#reply(result === undefined ? {} : result);
    let silent = false;
    if (end && reply.status === 200) silent = await end(reply);
    else this.#options.endLogs();
    // Keep the state `stopped` if a concurrent run has failed in the meantime.
    if (this.#state === 'running') this.#state = 'ready';
    return silent ? { ...reply, silent } : reply;
  }

  #reply(result: unknown): Reply {
    if (typeof result !== 'object') {
      this.#options.log(`Result must be of type object but has type "${typeof result}":`, result);
      return failure(502, 'The action did not return a dictionary.');
    }
    try {
      return { status: 200, body: result, json: resultJson(result) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#options.log(message);
      return failure(502, message);
    }
  }

  #explain(error: unknown): unknown {
    return explainStack(error, this.#options.textOf);
  }

  #refuse(message: string): Reply {
    this.#options.log('Internal system error:', message);
    return failure(403, message);
  }

  #setEnvironment(env: object): void {
    for (const [name, value] of Object.entries(env) as Array<[string, unknown]>) {
      this.#options.environment.set(name, variableText(value));
    }
  }
}

function failure(status: number, error: string): Reply {
  return { status, body: { error } };
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : String(error);
}

/** The text of a variable. A falsy value becomes an empty text. */
export function variableText(value: unknown): string {
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return typeof value === 'string' || typeof value === 'number' || value === true ? String(value || '') : '';
}

/** Whether a value has fields to read. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
