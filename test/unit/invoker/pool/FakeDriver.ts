import {
  ContainerConnectionError,
  ContainerTimeoutError,
  type CollectedLogs,
  type Container,
  type ContainerDriver,
  type ContainerResponse,
  type ContainerSpec,
  type LogOptions,
  type PostOptions,
  type RequestBody,
} from '../../../../invoker/containers/ContainerDriver.js';

export interface Posted {
  readonly path: '/init' | '/run';
  readonly body: Record<string, unknown>;
  readonly options: PostOptions;
}

type Behaviour = (posted: Posted, container: FakeContainer) => Promise<ContainerResponse> | ContainerResponse;

export const ok = (body: unknown): ContainerResponse => ({ status: 200, body: JSON.stringify(body) });

async function textOf(body: Exclude<RequestBody, string>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body.pieces()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** Containers that exist only here, and do what a test says. */
export class FakeDriver implements ContainerDriver {
  readonly name = 'process';
  readonly containers: FakeContainer[] = [];
  /** What `/init` and `/run` answer. */
  answer: Behaviour = () => ok({});
  /** Called before a container is there; may throw or wait. */
  creating: (spec: ContainerSpec) => Promise<void> | void = () => {};
  /** Called before a container is gone; may throw or wait. */
  removing: (container: FakeContainer) => Promise<void> | void = () => {};
  logs: (options: LogOptions) => Promise<CollectedLogs> | CollectedLogs = () => ({
    lines: [],
    complete: true,
    leftover: 0,
  });

  removeLeftovers(): Promise<number> {
    return Promise.resolve(0);
  }

  async create(spec: ContainerSpec): Promise<Container> {
    await this.creating(spec);
    const container = new FakeContainer(this, spec, `c${this.containers.length}`);
    this.containers.push(container);
    return container;
  }

  async close(): Promise<void> {
    await Promise.all(this.containers.map((container) => container.destroy()));
  }

  /** Memory of those that are not removed yet. */
  get memoryMB(): number {
    return this.containers.reduce((sum, { removed, spec }) => sum + (removed ? 0 : spec.memoryMB), 0);
  }

  /** Those that are still there. */
  get alive(): FakeContainer[] {
    return this.containers.filter((container) => container.running);
  }
}

export class FakeContainer implements Container {
  readonly exited: Promise<void>;
  readonly released: Promise<void>;
  running = true;
  signsLogs = true;
  /** The driver has it no more. */
  removed = false;
  paused = false;
  pauses = 0;
  readonly posts: Posted[] = [];
  readonly collected: LogOptions[] = [];
  pausing: () => Promise<void> | void = () => {};
  resuming: () => Promise<void> | void = () => {};
  readonly #driver: FakeDriver;
  readonly spec: ContainerSpec;
  readonly id: string;
  #exit: () => void = () => {};
  /** Its processes have ended, though the driver still has it. */
  release: () => void = () => {};
  /** Rejects what is under way when the container ends. */
  readonly #broken = new Set<(error: Error) => void>();

  constructor(driver: FakeDriver, spec: ContainerSpec, id: string) {
    this.#driver = driver;
    this.spec = spec;
    this.id = id;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.released = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  async post(path: '/init' | '/run', sent: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    if (!this.running) throw new ContainerConnectionError('refused', 'nobody listens');
    if (this.paused) throw new ContainerTimeoutError('it is paused');
    const body = typeof sent === 'string' ? sent : await textOf(sent);
    const posted = { path, body: JSON.parse(body) as Record<string, unknown>, options };
    this.posts.push(posted);
    let fail: (error: Error) => void = () => {};
    const broken = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.#broken.add(fail);
    try {
      return await Promise.race([Promise.resolve(this.#driver.answer(posted, this)), broken]);
    } finally {
      this.#broken.delete(fail);
    }
  }

  async pause(): Promise<void> {
    this.pauses++;
    await this.pausing();
    this.paused = true;
  }

  async resume(): Promise<void> {
    await this.resuming();
    this.paused = false;
  }

  /** Ends as if it had crashed. */
  die(): void {
    if (!this.running) return;
    this.running = false;
    for (const fail of this.#broken) fail(new ContainerConnectionError('broken', 'it died'));
    this.#exit();
  }

  async destroy(): Promise<void> {
    this.die();
    await this.#driver.removing(this);
    this.removed = true;
    this.release();
  }

  async collectLogs(options: LogOptions): Promise<CollectedLogs> {
    this.collected.push(options);
    return this.#driver.logs(options);
  }
}
