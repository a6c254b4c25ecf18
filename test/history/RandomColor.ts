import { copiesOf } from '../../invoker/objects/sharing/copies.js';
import { GUEST, type Node } from '../unit/invoker/objects/sharing/cluster.js';
import type { MapStore } from '../unit/invoker/objects/sharing/MapStore.js';
import type { Call } from '../unit/invoker/objects/callObjects.js';
import { AllowedValues, NONE } from './AllowedValues.js';
import { ColorFaults, type FaultChances } from './ColorFaults.js';
import { randomNumbers } from './ObjectHistory.js';

export interface ColorOptions extends FaultChances {
  /** The part of the writes with a time that ends soon. */
  readonly ttls?: number;
  /** Whether the color seems to have so many objects in the store that an invoker does not remember them, or gets as many. */
  readonly many?: boolean;
  /**
   * Whether invokers join and die in the middle of changes. Then callers ask the home only: a request that another invoker has passed on
   * before it died may be executed at any time.
   */
  readonly suddenly?: boolean;
  /** Whether most rounds begin before there is a complete set of copies. Then objects may be lost, but none may come back. */
  readonly losing?: boolean;
}

/** How often something happens after a change of a color. */
interface Chances {
  readonly arrive: number;
  readonly sleep: number;
  readonly evict: number;
  readonly read: number;
}

/** Where the objects of a color are. */
export interface ColorPlace {
  readonly home: Node;
  /** The next home, which has the copies. */
  readonly next: Node | undefined;
}

const TTL_S = 0.2;
/** After that no invoker has an object any more whose time is over, in ms: a copy may have come late. */
const SLEEP_MS = 600;
const KINDS = ['memory', 'replicated', 'stored', 'delete', 'append'] as const;
/** The most keys in the store that an invoker remembers. */
const MOST_KEYS = 10_000;
/** An invoker may use the homes that a controller has named for so long, in ms. */
const HOMES_MS = 1600;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Changes one object of a color at random, while requests fail. After each step it checks what callers read, and what would be left if the
 * home died then.
 */
export class RandomColor {
  readonly name: string;
  readonly faults: ColorFaults;
  /** How many further objects the color seems to have in the store. */
  readonly others: number;
  readonly #random: () => number;
  readonly #options: ColorOptions;
  readonly #place: () => ColorPlace;
  readonly #store: MapStore;
  readonly #log: string[] = [];
  readonly #allowed: AllowedValues;
  readonly #kinds: readonly (typeof KINDS)[number][];
  readonly #chances: Chances;
  #changes = 0;
  /** Whether the next home has a complete set of copies. */
  #isCopied = false;
  /** When the invokers changed last. */
  #changedAt = -Infinity;
  /** The status of the latest change. */
  #status = 0;
  /** Why a value is wrong. */
  #wrong: string | undefined;

  /** @param place where its objects are at the moment. */
  constructor(name: string, seed: number, options: ColorOptions, store: MapStore, place: () => ColorPlace) {
    this.name = name;
    this.#random = randomNumbers(seed);
    this.#options = options;
    this.#allowed = new AllowedValues(options.losing);
    this.#place = place;
    this.#store = store;
    // Colors differ in what happens to them, since some faults need the same few things again and again.
    this.#kinds = this.#some(KINDS);
    this.#chances = {
      arrive: this.#pick([0.1, 0.5]),
      sleep: options.ttls === undefined ? 0 : this.#pick([0, 0.2]),
      evict: this.#pick([0.1, 0.5]),
      read: this.#pick([0.1, 0.6]),
    };
    const slow = options.slow === undefined ? 0 : this.#pick([0, options.slow]);
    this.faults = new ColorFaults(this.#random, { ...options, slow }, (text) => void this.#log.push(`    ${text}`));
    // The others get too many by the object beside the one that changes.
    this.others = options.many !== true ? 0 : this.#random() < 0.3 ? Infinity : MOST_KEYS - 1;
  }

  /** What was wrong, with all steps until then; undefined: nothing. */
  get fault(): string | undefined {
    return this.#wrong === undefined ? undefined : [`${this.name}: ${this.#wrong}`, ...this.#log].join('\n');
  }

  #note(text: string): void {
    if (this.#wrong === undefined) this.#log.push(text);
  }

  /** Notes what happens to the invokers. Then the next home may have no complete set of copies. */
  change(what: string): void {
    this.#note(` ${what}`);
    this.#isCopied = false;
    this.#changedAt = performance.now();
  }

  /** Writes the replicated object beside the one that changes, until that succeeds. So there is a complete set of copies. */
  async begin(): Promise<void> {
    this.faults.end();
    if (this.#options.losing === true && this.#random() < 0.75) return;
    // Until then, the owner may copy to the former next home.
    await pause(Math.max(0, this.#changedAt + HOMES_MS - performance.now()));
    if (!this.#place().next) return;
    await this.#until(() => this.#put('beside', 'x', { 'x-palette-persistence': 'replicated' }), /^20/);
    this.#isCopied = true;
  }

  /** @param count how many changes. */
  async steps(count: number): Promise<void> {
    for (let step = 0; step < count && this.#wrong === undefined; step++) await this.#step();
  }

  /** Reads the object, as soon as the home serves it. */
  async readSoon(): Promise<void> {
    if (this.#wrong !== undefined) return;
    const text = await this.#until(() => this.#call(this.#place().home, 'k'), /^(200|404)/);
    this.#read('read', text);
  }

  async #step(): Promise<void> {
    const arriving = this.#random() < 0.1 ? this.faults.execute() : undefined;
    if (arriving) this.#note('  what was late arrives during the next change');
    // A change that failed just before may have left its object in the store.
    if (this.others === MOST_KEYS - 1 && this.#random() < (this.#status === 502 ? 0.5 : 0.01)) {
      await this.#put('stored', 'x', { 'x-palette-persistence': 'stored' });
      this.#note('  another object is stored');
    }
    await this.faults.during(() => this.#change());
    await arriving;
    this.#look();
    if (this.#random() < this.#chances.arrive) {
      await this.faults.execute();
      this.#note('  what was late has arrived');
      this.#look();
    }
    if (this.#random() < this.#chances.sleep) {
      await pause(SLEEP_MS);
      this.#note('  slept');
      this.#look();
    }
    if (this.#random() < this.#chances.evict) this.#evict();
    if (this.#random() < this.#chances.read) this.#read('read', await this.#call(this.#place().home, 'k'));
  }

  async #change(): Promise<void> {
    const kind = this.#pick(this.#kinds);
    const number = ++this.#changes;
    if (kind === 'append') return this.#append(`+${number}`);
    if (kind === 'delete') {
      const text = await this.#call(this.#caller(), 'k', { method: 'DELETE' });
      if (!text.startsWith('404')) this.#changed('delete', () => NONE, text);
      else this.#read('delete', text);
      return;
    }
    const hasTime = this.#random() < (this.#options.ttls ?? 0);
    const value = `${hasTime ? 'ttl' : ''}${kind}${number}`;
    const headers = { 'x-palette-persistence': kind, ...(hasTime ? { 'x-palette-ttl': String(TTL_S) } : {}) };
    this.#changed(`put ${value}`, () => value, await this.#put('k', value, headers));
  }

  async #append(body: string): Promise<void> {
    const text = await this.#call(this.#caller(), 'k?append', { method: 'POST', body });
    this.#changed(`append ${body}`, (before) => (before === NONE ? body : `${before}${body}`), text);
  }

  #put(key: string, body: string, headers: Record<string, string>): Promise<string> {
    return this.#call(this.#caller(), key, { method: 'PUT', body, headers });
  }

  /** Sends a request to an invoker, which passes it on if another one is the home. @returns the status and the text of the response. */
  async #call({ container }: Node, path: string, call?: Call): Promise<string> {
    try {
      return await container.text(`/${this.name}/${path}`, call);
    } catch {
      return call ? '502 The invoker has died.' : '503 The invoker is dead.';
    }
  }

  #caller(): Node {
    const { home, next } = this.#place();
    return this.#options.suddenly !== true && this.#random() < 0.2 ? (next ?? home) : home;
  }

  #changed(what: string, next: (before: string) => string, text: string): void {
    this.#status = Number(text.slice(0, 3));
    this.#note(`  ${what}: ${this.#status}`);
    this.#wrong ??= this.#allowed.changed(next, this.#status);
  }

  #read(what: string, text: string): void {
    if (text.startsWith('503')) return this.#note(`  ${what}: 503`);
    const value = text.startsWith('404') ? NONE : text.replace(/^200 /, '');
    this.#note(`  ${what}: ${value}`);
    this.#wrong ??= this.#allowed.read(value);
  }

  /** Checks what would be left if the home died now: the copy, and else the stored object. */
  #look(): void {
    const address = { color: this.name, key: 'k' };
    if (!this.#isCopied) return;
    const { next } = this.#place();
    const copy = next?.memory.peek(copiesOf(GUEST), address, performance.now());
    const left = copy ?? this.#store.look(GUEST, address);
    const value = left ? left.bytes.text() : NONE;
    const wrong = this.#allowed.wrong(value);
    if (wrong !== undefined) this.#wrong ??= `if the home died, there would be ${wrong}`;
  }

  /** As if memory were short at the home: an object of memory or a stored one goes. */
  #evict(): void {
    const { memory, sharing } = this.#place().home;
    const address = { color: this.name, key: 'k' };
    const now = performance.now();
    // A change may go on after its caller got 502. Its object is held then, and never evicted.
    const changing = sharing.prepare(GUEST, address, false);
    if (changing) return void changing.catch(() => undefined);
    const object = memory.peek(GUEST, address, now);
    if (!object || object.persistence === 'replicated') return;
    memory.restore(GUEST, address, undefined, now);
    this.#note('  evicted');
  }

  async #until(attempt: () => Promise<string>, expected: RegExp): Promise<string> {
    for (;;) {
      const text = await attempt();
      if (expected.test(text)) return text;
      if (!/^50[23]/.test(text)) throw new Error(`${this.name}: ${text}`);
      // What is late may keep the home from serving the color.
      await this.faults.execute();
      await pause(50);
    }
  }

  /** Two of them at least. */
  #some<T>(items: readonly T[]): T[] {
    const left = items.filter(() => this.#random() < 0.6);
    return left.length < 2 ? this.#some(items) : left;
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }
}
