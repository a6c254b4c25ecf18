import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { within } from '../../../shared/process/within.js';
import type { Usage } from './probe.js';
import { marksSchema, type Mark } from './steps.js';

const usageSchema: z.ZodType<Usage> = z.object({
  user: z.number(),
  system: z.number(),
  mainThread: z.number(),
  active: z.number(),
  all: z.number(),
  rss: z.number(),
});

/** The longest wait for an answer of a probe, in ms. A profile of a minute takes seconds to write. */
const ANSWER_MS = 60_000;

/** A server with a probe: see `probe.ts`. */
export class Probed {
  readonly name: string;
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    this.#lines = createInterface(socket)[Symbol.asyncIterator]();
  }

  /** @throws the error of the connection */
  static async connect(folder: string, name: string): Promise<Probed> {
    const socket = connect(join(folder, `${name}.sock`));
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Probed(name, socket);
  }

  async usage(): Promise<Usage> {
    return usageSchema.parse(JSON.parse(await this.#ask('usage')));
  }

  /** Takes a profile while `work` runs. Resolves to the path of the .cpuprofile. */
  async profiled(work: () => Promise<void>): Promise<string> {
    await this.#ask('start');
    await work();
    return this.#ask('stop');
  }

  /**
   * Notes from now on when calls pass each point of their way.
   * @param brokers `host:port` of Kafka's brokers, separated by commas
   */
  async startMarks(brokers: string): Promise<void> {
    await this.#ask(`mark ${brokers}`);
  }

  /** What was noted since the last `startMarks`. */
  async marks(): Promise<Mark[]> {
    return marksSchema.parse(JSON.parse(await this.#ask('marks')));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(question: string): Promise<string> {
    this.#socket.write(`${question}\n`);
    const line = await within(this.#lines.next(), ANSWER_MS, () => {
      throw new Error(`the probe of ${this.name} does not answer`);
    });
    if (line.done) throw new Error(`the probe of ${this.name} has gone`);
    return line.value;
  }
}
