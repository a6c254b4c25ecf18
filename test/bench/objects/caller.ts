/* The process that calls the objects and Redis: see `operations.ts`. */
import { connect, type Objects } from '../../../shared/objects/client/index.js';
import { latencies, quantile, throughput, timed } from '../statistics.js';
import { RedisClient } from './redis.js';

export interface CallerTask {
  readonly url: string;
  readonly token: string;
  readonly redisPort: number | undefined;
  readonly rounds: number;
}

export interface Measured {
  readonly getMs: number;
  readonly mbPerS: number;
  readonly wakeMs: number;
  readonly incrementsPerS: number;
}

export interface Figures {
  readonly objects: Measured & { readonly sharedPerS: number };
  readonly redis: Measured | undefined;
}

const GETS = 300;
const WAKES = 60;
const STREAM_MS = 400;
const SMALL = Buffer.alloc(64 * 1024, 'x');
const LARGE = Buffer.alloc(1024 * 1024, 'x');
const AT_ONCE = 64;

/** One system to measure. Each function measures one round. */
interface Subject {
  readonly get: () => Promise<void>;
  readonly getLarge: () => Promise<void>;
  /** The time from the write until a waiting caller has the value, in ms. */
  readonly wake: (n: number) => Promise<number>;
  readonly increment: (connection: number) => Promise<void>;
  /** Checks all increments at the end. @throws if one was lost or made twice. */
  readonly check: () => Promise<void>;
}

const text = async (objects: Objects, key: string): Promise<string> => String(await objects.get('c', key));

/** Counts increments, and checks their sums: each caller must get one that nobody else got. */
class Sums {
  readonly #seen = new Set<number>();

  add(sum: number): void {
    if (!Number.isSafeInteger(sum) || this.#seen.has(sum)) throw new Error(`the sum ${sum} came twice or is no number`);
    this.#seen.add(sum);
  }

  /** @throws if the counter is not the number of increments. */
  check(name: string, counter: unknown): void {
    const count = this.#seen.size;
    if (Number(counter) !== count) throw new Error(`${name} is ${String(counter)} after ${count} increments`);
  }
}

interface ObjectsSubject extends Subject {
  readonly shared: () => Promise<void>;
}

async function ofObjects(objects: Objects): Promise<ObjectsSubject> {
  const [each, shared] = [new Sums(), new Sums()];
  // The first connections are passed on: see `FrontDoor`.
  await objects.put('c', 'small', SMALL);
  await objects.put('c', 'large', LARGE);
  return {
    get: async () => {
      const found = await objects.get('c', 'small');
      if (!Buffer.isBuffer(found) || found.length !== SMALL.length) throw new Error('the object is not whole');
    },
    getLarge: async () => {
      const found = await objects.get('c', 'large');
      if (!Buffer.isBuffer(found) || found.length !== LARGE.length) throw new Error('the object is not whole');
    },
    wake: async (n) => {
      const woken = objects.wait('c', `wake${n}`).then(() => performance.now());
      await new Promise((resolve) => setTimeout(resolve, 2));
      const start = performance.now();
      await objects.put('c', `wake${n}`, 'x', { ttlMs: 1000 });
      return (await woken) - start;
    },
    // Options keep the client from sharing requests.
    increment: async () => each.add(await objects.increment('c', 'n', 1, { timeoutMs: 10_000 })),
    shared: async () => shared.add(await objects.increment('c', 'm')),
    check: async () => {
      each.check('the counter of single increments', await text(objects, 'n'));
      shared.check('the counter of shared increments', await text(objects, 'm'));
    },
  };
}

async function ofRedis(port: number): Promise<Subject> {
  const sums = new Sums();
  const clients = Array.from({ length: AT_ONCE }, () => new RedisClient(port));
  const [one, other] = clients;
  if (!one || !other) throw new Error('no clients');
  await one.send(['SET', 'small', SMALL]);
  await one.send(['SET', 'large', LARGE]);
  return {
    get: async () => void (await one.send(['GET', 'small'])),
    getLarge: async () => void (await one.send(['GET', 'large'])),
    wake: async (n) => {
      const woken = other.send(['BLPOP', `wake${n}`, '10'], 2).then(() => performance.now());
      await new Promise((resolve) => setTimeout(resolve, 2));
      const start = performance.now();
      await one.send(['RPUSH', `wake${n}`, 'x']);
      return (await woken) - start;
    },
    increment: async (connection) => sums.add(Number(await clients[connection]?.send(['INCR', 'n']))),
    check: async () => sums.check('the counter of Redis', await one.send(['GET', 'n'])),
  };
}

const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

async function main({ url, token, redisPort, rounds: count }: CallerTask): Promise<Figures> {
  const client = connect(url, token);
  const objects = await ofObjects(client);
  const redis = redisPort === undefined ? undefined : await ofRedis(redisPort);
  const subjects = [objects, ...(redis ? [redis] : [])];
  const rounds = subjects.map(() => ({
    get: [] as number[],
    mb: [] as number[],
    wake: [] as number[],
    add: [] as number[],
  }));
  const shared: number[] = [];
  for (let round = 0; round < count; round++) {
    for (const [i, subject] of subjects.entries()) {
      const figures = rounds[i];
      if (!figures) continue;
      await timed(50, subject.get);
      figures.get.push(latencies(await timed(GETS, subject.get)).p50);
      figures.mb.push(await throughput(2, STREAM_MS, subject.getLarge));
      const wakes: number[] = [];
      for (let n = 0; n < WAKES; n++) wakes.push(await subject.wake(round * WAKES + n));
      figures.wake.push(median(wakes));
      figures.add.push(await throughput(AT_ONCE, STREAM_MS, subject.increment));
    }
    shared.push(await throughput(AT_ONCE, STREAM_MS, objects.shared));
  }
  for (const subject of subjects) await subject.check();
  const [own, beside] = rounds.map(({ get, mb, wake, add }) => ({
    getMs: median(get),
    mbPerS: median(mb),
    wakeMs: median(wake),
    incrementsPerS: median(add),
  }));
  client.close();
  if (!own) throw new Error('nothing was measured');
  return { objects: { ...own, sharedPerS: median(shared) }, redis: beside };
}

const answer = await main(JSON.parse(process.argv[2] ?? '') as CallerTask);
process.send?.(answer, () => process.exit(0));
