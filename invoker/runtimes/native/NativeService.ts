import type { ActionProtocol } from '../nodejs/ActionServer.js';
import { isRecord, variableText, type EndRun, type Reply } from '../nodejs/ActionService.js';
import { execute, place } from './executable.js';

export interface NativeServiceOptions {
  /** The folder for the action's files. */
  readonly folder: string;
  /** The environment of programs. The variables of `/init` are added to it. */
  readonly environment: Record<string, string | undefined>;
  /** The log streams of the action. */
  readonly stdout: (chunk: Buffer | string) => void;
  readonly stderr: (chunk: Buffer | string) => void;
  /** Writes the sentinel to both log streams. */
  readonly endLogs: () => void;
  /** Ends this process. */
  readonly end: () => void;
}

// OpenWhisk's texts. Clients see them as the error of an activation.
const NO_BINARY = 'The action failed to generate or locate a binary. See logs for details.';
const NO_DICTIONARY = 'The action did not return a dictionary or array.';
const NO_ARGUMENT = 'The action did not receive a dictionary or array as an argument.';
const STUB = 'This is a stub action. Replace it with custom logic.';

/**
 * The action protocol for any executable, with the contract of OpenWhisk's image `dockerskeleton`: each run starts the
 * program `exec`, which gets the JSON of its argument on stdin and as its first argument. The last line of its stdout is
 * the JSON of the result; all other output is logs. Without code a stub runs. Runs may overlap.
 *
 * ```
 * stub --init--> ready
 *   \\-- /init fails --> stopped
 * ```
 */
export class NativeService implements ActionProtocol {
  readonly #options: NativeServiceOptions;
  #state: 'stub' | 'ready' | 'stopped' = 'stub';

  constructor(options: NativeServiceOptions) {
    this.#options = options;
  }

  /** Unpacks the action; `body.value` holds `code`, `binary` and `env`. */
  async init(body: Record<string, unknown>): Promise<Reply> {
    const { folder, environment, stderr, endLogs } = this.#options;
    if (this.#state !== 'stub') {
      stderr('Internal system error: Cannot initialize the action more than once.\n');
      return failure(403, 'Cannot initialize the action more than once.');
    }
    const value = isRecord(body['value']) ? body['value'] : {};
    const { code, env } = value;
    if (isRecord(env)) for (const [name, variable] of Object.entries(env)) environment[name] = variableText(variable);
    if (typeof code !== 'string' || code === '') return { status: 200, body: { OK: true } };
    try {
      place({ code, binary: Boolean(value['binary']) }, folder);
    } catch (error) {
      this.#state = 'stopped';
      stderr(`${textOf(error)}\n`);
      endLogs();
      return failure(502, NO_BINARY);
    }
    this.#state = 'ready';
    return { status: 200, body: { OK: true } };
  }

  /**
   * Runs the program once. `body.value` holds its argument; all other strings become environment variables.
   * @param end ends the logs of a run that did not fail. Missing: `endLogs`.
   */
  async run(body: Record<string, unknown>, end?: EndRun): Promise<Reply> {
    const args = body['value'] ?? {};
    if (typeof args !== 'object') return failure(404, NO_ARGUMENT);
    if (this.#state === 'stopped') return failure(502, NO_BINARY);
    const reply = this.#state === 'stub' ? this.#stub() : await this.#execute(JSON.stringify(args), body);
    if (end && reply.status === 200 && (await end(reply))) return { ...reply, silent: true };
    if (!end || reply.status !== 200) this.#options.endLogs();
    return reply;
  }

  async #execute(input: string, body: Record<string, unknown>): Promise<Reply> {
    const { folder, stdout, stderr } = this.#options;
    const environment = { ...this.#options.environment };
    for (const [name, value] of Object.entries(body)) {
      if (typeof value === 'string' && name !== 'value') environment[`__OW_${name.toUpperCase()}`] = value;
    }
    try {
      const { lastLine, code, signal } = await execute({ folder, input, environment, stdout, stderr });
      // The kernel kills the program instead of this runtime if the container's memory is exhausted. The invoker finds
      // out why the container ended.
      if (signal === 'SIGKILL') this.#options.end();
      const result = lastLine === undefined ? undefined : parse(lastLine);
      if (typeof result === 'object' && result !== null) return { status: 200, body: result };
      if (lastLine !== undefined) stdout(`${lastLine}\n`);
      const ending = signal === null ? `with status ${code}` : `by ${signal}`;
      stderr(`The last line of stdout must be a JSON object or array. The program ended ${ending}.\n`);
    } catch (error) {
      stderr(`${textOf(error)}\n`);
    }
    return failure(502, NO_DICTIONARY);
  }

  #stub(): Reply {
    this.#options.stdout('This is a stub action, since the action has no code.\n');
    return { status: 200, body: { error: STUB } };
  }
}

const failure = (status: number, error: string): Reply => ({ status, body: { error } });

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
