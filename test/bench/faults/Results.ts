import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import * as z from 'zod';
import { describeFailure } from '../../../shared/process/Lifecycle.js';
import { COUNTS, isSound, total, type Verdict } from './history.js';
import { OptionError } from './options.js';
import type { FailedRound, Round } from './rounds.js';

/** The parts of a cluster. Rounds on other parts are counted apart. */
export interface Setup {
  readonly brokers: number;
  /** The kind of the CouchDB. */
  readonly couch: string;
}

/** A line of the file. It has the fields of one of the three kinds of rounds, and more for the reader. */
const lineSchema = z.object({
  trial: z.string(),
  brokers: z.int().positive(),
  couch: z.string(),
  /** Of a round that was played. */
  counts: z.record(z.enum(COUNTS), z.number()).optional(),
  /** Of a round that did not come to its end: why. */
  failed: z.string().optional(),
  /** Of a round in which Kafka or CouchDB failed by itself: why. */
  'not counted': z.string().optional(),
});
type Line = z.infer<typeof lineSchema>;

/** The rounds of one trial. */
interface Tally {
  readonly played: Verdict[];
  failed: number;
  uncounted: number;
}

/**
 * The results of all rounds. Each one is printed, and appended to a file at once: what an interrupted bench has found
 * counts, and the next bench continues with the rounds that are missing.
 */
export class Results {
  readonly #file: string | undefined;
  readonly #setup: Setup;
  readonly #print: (line: string) => void;
  readonly #tallies = new Map<string, Tally>();

  /**
   * @param file missing: the results are only printed. If it exists, its rounds on the same `setup` count.
   * @throws OptionError if the file has other lines than those of a bench.
   */
  constructor(file: string | undefined, setup: Setup, print: (line: string) => void) {
    this.#file = file;
    this.#setup = setup;
    this.#print = print;
    if (file !== undefined && existsSync(file)) this.#read(file);
  }

  /** How many rounds of a trial were played or failed. */
  done(trial: string): number {
    const tally = this.#tallies.get(trial);
    return tally ? tally.played.length + tally.failed : 0;
  }

  played({ verdict, refusals, failures, readErrors, ...about }: Round): void {
    this.#add({ ...about, sound: isSound(verdict), counts: verdict, refusals, failures, readErrors });
    const { accepted, lost, doubled, late, 'run twice': twice } = total(this.#tally(about.trial).played);
    this.#print(
      `${about.trial}, ${this.done(about.trial)} rounds so far: ${accepted} accepted, ${lost} lost, ` +
        `${doubled} doubled, ${twice} run twice, ${late} late`,
    );
  }

  failed({ error, ...about }: FailedRound): void {
    this.#add({ ...about, sound: false, failed: describeFailure(error) });
  }

  uncounted({ error, ...about }: FailedRound): void {
    this.#add({ ...about, 'not counted': describeFailure(error) });
  }

  /** The sums of each trial. */
  table(): Record<string, Verdict & { readonly rounds: number }> {
    const tried = [...this.#tallies].filter(([, { played }]) => played.length > 0);
    return Object.fromEntries(tried.map(([trial, { played }]) => [trial, { rounds: played.length, ...total(played) }]));
  }

  /** The trials with a fault or a failed round. */
  faulty(): string[] {
    const isFaulty = ({ played, failed }: Tally): boolean => failed > 0 || !isSound(total(played));
    return [...this.#tallies].filter(([, tally]) => isFaulty(tally)).map(([trial]) => trial);
  }

  /** The trials of which no round counts. */
  untried(): string[] {
    return [...this.#tallies.keys()].filter((trial) => this.done(trial) === 0);
  }

  /** What the table does not show: rounds that failed or were not counted. */
  remarks(): string[] {
    return [...this.#tallies].flatMap(([trial, { failed, uncounted }]) => [
      ...(failed > 0 ? [`${failed} rounds failed: ${trial}`] : []),
      ...(uncounted > 0 ? [`${uncounted} rounds not counted, since Kafka or CouchDB failed by itself: ${trial}`] : []),
    ]);
  }

  #tally(trial: string): Tally {
    const tally = this.#tallies.get(trial) ?? { played: [], failed: 0, uncounted: 0 };
    this.#tallies.set(trial, tally);
    return tally;
  }

  #add(line: Omit<Line, keyof Setup> & Readonly<Record<string, unknown>>): void {
    const text = JSON.stringify({ ...line, ...this.#setup });
    if (this.#file !== undefined) appendFileSync(this.#file, `${text}\n`);
    this.#print(text);
    this.#count(lineSchema.parse({ ...line, ...this.#setup }));
  }

  #count(line: Line): void {
    const tally = this.#tally(line.trial);
    if (line.counts) tally.played.push(line.counts);
    else if (line.failed !== undefined) tally.failed += 1;
    else tally.uncounted += 1;
  }

  #read(file: string): void {
    const text = readFileSync(file, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const wrong = (line: number): OptionError =>
      new OptionError(`--results: line ${line} of ${file} is not a round of this bench`);
    const lines = whole.split('\n').slice(0, -1);
    for (const [index, line] of lines.entries()) {
      const parsed = parseLine(line);
      if (!parsed) throw wrong(index + 1);
      const { brokers, couch } = this.#setup;
      if (parsed.brokers === brokers && parsed.couch === couch) this.#count(parsed);
    }
    if (whole === text) return;
    // The bench was ended while it wrote its last line.
    if (!text.slice(whole.length).startsWith(BEGINNING)) throw wrong(lines.length + 1);
    truncateSync(file, Buffer.byteLength(whole));
  }
}

/** How each line begins. */
const BEGINNING = '{"trial":';

function parseLine(line: string): Line | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
