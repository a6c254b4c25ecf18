import { loadavg } from 'node:os';

/** A measured figure. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, in words. */
  readonly beside?: string | undefined;
  /** In words, and whether it is met; missing: there is no goal. */
  readonly goal?: { readonly text: string; readonly met: boolean } | undefined;
}

export type Driver = 'process' | 'docker';

/** Options of all measurements, and where they go. */
export interface Context {
  /** Whether to measure for longer. */
  readonly full: boolean;
  /** The driver of containers. */
  readonly driver: Driver;
  /** The limit on the network of each invoker, such as `1gbit`; undefined: none. */
  readonly network: string | undefined;
  /** Says what is measured now. */
  readonly progress: (text: string) => void;
  readonly add: (row: Row) => void;
}

/** Prints rows as they come, and counts their goals. */
export class Report {
  readonly #missed: string[] = [];
  #goals = 0;

  add({ name, value, unit, beside = '', goal }: Row): void {
    if (goal) this.#goals++;
    if (goal && !goal.met) this.#missed.push(name);
    const judged = goal ? `goal ${goal.text}: ${goal.met ? 'met' : 'MISSED'}` : '';
    const load = `load average ${(loadavg()[0] ?? 0).toFixed(1)}`;
    console.log(
      `${name.padEnd(44)} ${format(value).padStart(9)} ${unit.padEnd(5)} ${beside.padEnd(34)} ${judged.padEnd(26)} ${load}`,
    );
  }

  /** One line on the goals. */
  get verdict(): string {
    const met = `${this.#goals - this.#missed.length} of ${this.#goals} goals are met`;
    return this.#missed.length === 0 ? met : `${met}; missed: ${this.#missed.join(', ')}`;
  }
}

export const format = (value: number): string =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : value.toFixed(3);

/** `value` as a change, in percent: 0.2 is `-80 %`. */
export const change = (ratio: number): string => `${ratio < 1 ? '-' : '+'}${Math.abs(100 * (ratio - 1)).toFixed(0)} %`;
