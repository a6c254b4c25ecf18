import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const REJOINED = /is a member again after (\d+) ms/g;

/** How long consumers took to join their groups again, from the logs of controllers and invokers. */
export class Rejoins {
  readonly #folder: string;
  readonly #read = new Map<string, number>();

  /** @param folder of the logs. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The times in ms that were logged since the last call. */
  next(): number[] {
    const files = readdirSync(this.#folder).filter((name) => name.endsWith('.log'));
    return files.flatMap((name) => {
      const log = readFileSync(join(this.#folder, name), 'utf8');
      const fresh = log.slice(this.#read.get(name) ?? 0);
      this.#read.set(name, log.length);
      return [...fresh.matchAll(REJOINED)].map(([, ms]) => Number(ms));
    });
  }
}
