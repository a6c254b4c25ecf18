/*
 * Calls between two threads over a port, or between two processes over a channel. Each side serves functions by name and
 * calls those of the other side. Frames of one turn of the event loop travel in one message, since a message costs about
 * 20 µs of processor time between threads and 40 µs between processes, and a further frame in it a few. An answer that
 * nobody is in a hurry for waits for the next message.
 *
 * Calls have no deadline. The owner of the port closes it when the other side ends, and ends a process that does not answer
 * (`ControllerProcess.ts`).
 */

/** Functions that a side serves, by name. Arguments and results must be cloneable (structured clone). */
export type Services = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The other side's functions. */
export interface Remote<S extends Services> {
  /** Rejects with the error of the function, or with a `PortClosedError`. */
  call<N extends keyof S & string>(name: N, ...args: Parameters<S[N]>): Promise<Awaited<ReturnType<S[N]>>>;
  /**
   * The same for a call whose answer nobody waits for in a hurry: the answer waits for the next message of the other side,
   * `patienceMs` of the other side at most. An error does not wait.
   */
  callCalmly<N extends keyof S & string>(name: N, ...args: Parameters<S[N]>): Promise<Awaited<ReturnType<S[N]>>>;
  /** The same without an answer. An error of the function goes to the other side's `onFault`. */
  tell<N extends keyof S & string>(name: N, ...args: Parameters<S[N]>): void;
}

/** The side of a `MessagePort`, a `Worker` or a worker's `parentPort` that is used here. */
export interface Port {
  postMessage(value: unknown): void;
  on(event: 'message', listener: (value: unknown) => void): unknown;
}

export interface CallsOptions {
  /** The error classes that keep their class on the way. Other errors arrive as `Error`. */
  readonly errors?: readonly ErrorClass[] | undefined;
  /** Is told the errors of functions whose caller does not wait. */
  readonly onFault?: ((name: string, error: unknown) => void) | undefined;
  /** The longest wait of an answer to `callCalmly` for the next message, in ms. */
  readonly patienceMs?: number | undefined;
}

type ErrorClass = { readonly prototype: Error; readonly name: string };

/** The port is closed, or the other thread has ended. */
export class PortClosedError extends Error {
  override readonly name = 'PortClosedError';
}

/** An error on its way. */
interface Fault {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

type Frame =
  | {
      readonly name: string;
      readonly args: readonly unknown[];
      readonly id: number | undefined;
      /** Whether the answer may wait for the next message. */
      readonly calm?: true;
    }
  | { readonly answers: number; readonly result: unknown }
  | { readonly answers: number; readonly fault: Fault };

/** The default of `CallsOptions.patienceMs`. */
const PATIENCE_MS = 5;

interface OpenCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Calls {
  readonly #port: Port;
  readonly #errors: ReadonlyMap<string, ErrorClass>;
  readonly #onFault: (name: string, error: unknown) => void;
  readonly #services = new Map<string, (...args: unknown[]) => unknown>();
  readonly #open = new Map<number, OpenCall>();
  readonly #patienceMs: number;
  /** The frames of the next message. It goes at the end of this turn, or else when the wait of its first answer ends. */
  #out: Frame[] = [];
  #goesThisTurn = false;
  #wait: NodeJS.Timeout | undefined;
  #lastId = 0;
  #closed: string | undefined;

  constructor(port: Port, { errors = [], onFault = () => undefined, patienceMs = PATIENCE_MS }: CallsOptions = {}) {
    this.#port = port;
    this.#patienceMs = patienceMs;
    this.#errors = new Map(errors.map((each) => [each.name, each]));
    this.#onFault = onFault;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `Calls` sends on this port
    port.on('message', (frames) => this.#receive(frames as readonly Frame[]));
  }

  /** Serves more functions. To be called before the other side calls them. */
  serve(services: Services): void {
    for (const [name, service] of Object.entries(services)) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Remote` checks the arguments where they are sent
      this.#services.set(name, service as (...args: unknown[]) => unknown);
    }
  }

  /** The functions that the other side serves. The type is the caller's promise: both sides are of the same program. */
  to<S extends Services>(): Remote<S> {
    return {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
      call: async (name, ...args) => (await this.#call(name, args)) as never,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
      callCalmly: async (name, ...args) => (await this.#call(name, args, true)) as never,
      tell: (name, ...args) => this.#post({ name, args, id: undefined }),
    };
  }

  /** Sends what waits, and fails all open calls and those to come. */
  close(reason = 'the port is closed'): void {
    if (this.#closed !== undefined) return;
    this.#flush();
    this.#closed = reason;
    for (const { reject } of this.#open.values()) reject(new PortClosedError(reason));
    this.#open.clear();
  }

  #call(name: string, args: readonly unknown[], calm = false): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(new PortClosedError(this.#closed));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#post(calm ? { name, args, id, calm } : { name, args, id });
    });
  }

  #post(frame: Frame): void {
    if (this.#closed !== undefined) return;
    this.#out.push(frame);
    if (this.#goesThisTurn) return;
    this.#goesThisTurn = true;
    setImmediate(() => this.#flush());
  }

  /** Sends a frame with the next message, or after the longest wait. */
  #postCalmly(frame: Frame): void {
    if (this.#closed !== undefined) return;
    this.#out.push(frame);
    if (!this.#goesThisTurn) this.#wait ??= setTimeout(() => this.#flush(), this.#patienceMs);
  }

  #flush(): void {
    this.#goesThisTurn = false;
    clearTimeout(this.#wait);
    this.#wait = undefined;
    const frames = this.#out;
    if (frames.length === 0) return;
    this.#out = [];
    try {
      this.#port.postMessage(frames);
    } catch {
      // A value of one frame cannot be cloned. The others must arrive.
      for (const frame of frames) this.#postAlone(frame);
    }
  }

  #postAlone(frame: Frame): void {
    try {
      this.#port.postMessage([frame]);
    } catch (error) {
      if ('answers' in frame) this.#port.postMessage([{ answers: frame.answers, fault: faultOf(error) }]);
      else if (frame.id !== undefined) this.#settle(frame.id)?.reject(asError(error));
      else this.#onFault(frame.name, error);
    }
  }

  #receive(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (!('answers' in frame)) this.#run(frame.name, frame.args, frame.id, frame.calm === true);
      else if ('fault' in frame) this.#settle(frame.answers)?.reject(this.#revive(frame.fault));
      else this.#settle(frame.answers)?.resolve(frame.result);
    }
  }

  #settle(id: number): OpenCall | undefined {
    const open = this.#open.get(id);
    this.#open.delete(id);
    return open;
  }

  #run(name: string, args: readonly unknown[], id: number | undefined, calm: boolean): void {
    const answer = (result: unknown): void => {
      if (id === undefined) return;
      const frame = { answers: id, result };
      if (calm) this.#postCalmly(frame);
      else this.#post(frame);
    };
    const failed = (error: unknown): void => {
      if (id === undefined) this.#onFault(name, error);
      else this.#post({ answers: id, fault: faultOf(error) });
    };
    try {
      const service = this.#services.get(name);
      if (!service) throw new Error(`no function ${name} is served`);
      const result = service(...args);
      if (result instanceof Promise) result.then(answer, failed);
      else answer(result);
    } catch (error) {
      failed(error);
    }
  }

  #revive({ name, message, stack }: Fault): Error {
    const error = new Error(message);
    const known = this.#errors.get(name);
    if (known) Object.setPrototypeOf(error, known.prototype);
    error.name = name;
    if (stack !== undefined) error.stack = stack;
    return error;
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

function faultOf(error: unknown): Fault {
  const { name, message, stack } = asError(error);
  return { name, message, stack };
}
