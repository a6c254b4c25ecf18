import type { JobOf, Kind, ResultOf } from './jobs.js';

/** What an experiment found, as data: for the JSON file and for the page. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** How it was done, a sentence each. */
  readonly notes: readonly string[];
  readonly plots: readonly Plot[];
  readonly tables: readonly Table[];
  readonly findings: readonly Finding[];
  /** The figures that README.md claims, by name: see `claims.ts`. */
  readonly figures?: Readonly<Record<string, number>> | undefined;
}

/** The circumstances of a run. */
export interface Run {
  readonly command: string;
  readonly date: string;
  readonly quick: boolean;
  readonly seeds: readonly number[];
  /** At the start of its first part. */
  readonly loadAverage: readonly number[];
  /** From the start of its first part to its end: simulated sections run side by side. */
  readonly seconds: number;
  /** The processor time of its simulations in seconds. Missing: it has none, or was run before they were counted. */
  readonly processorSeconds?: number | undefined;
}

export interface Plot {
  readonly title: string;
  readonly x: { readonly name: string; readonly values: readonly (string | number)[] };
  readonly y: { readonly name: string };
  readonly kind: 'lines' | 'bars';
  readonly series: readonly {
    readonly name: string;
    readonly means: readonly number[];
    readonly spreads?: readonly number[];
  }[];
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A figure of the paper beside the one found here. */
export interface Finding {
  readonly claim: string;
  readonly paper: string;
  readonly here: string;
  readonly verdict: 'reproduced' | 'other configuration' | 'not reached' | 'validated' | 'not validated';
  readonly why: string;
}

/** What all experiments get. */
export interface Context {
  readonly quick: boolean;
  readonly seeds: readonly number[];
  /** A file with the edges of a social graph; missing: generated. */
  readonly graph: string | undefined;
  readonly progress: (text: string) => void;
  /** Runs a part of the simulations in a thread of the run. */
  readonly run: <K extends Kind>(job: JobOf<K>) => Promise<ResultOf<K>>;
}

export interface Spread {
  readonly mean: number;
  /** Half the distance between the least and the largest value. */
  readonly spread: number;
}

export function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, spread: (Math.max(...values) - Math.min(...values)) / 2 };
}

/** A ratio as a percentage, such as `24.1`. */
export const percent = (ratio: number): string => (100 * ratio).toFixed(1);
/** A difference of run times, such as `−46 %`. */
export const change = (ratio: number): string => `${ratio < 0 ? '−' : '+'}${Math.abs(100 * ratio).toFixed(0)} %`;
