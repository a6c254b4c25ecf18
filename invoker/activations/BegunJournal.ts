import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { allocate } from '../../shared/files/allocate.js';

/*
 * The activations that an invoker passed to a container, and those that ended. The next run of the invoker may get
 * their messages again and must not run them twice. Activations that are not in the journal have not started.
 *
 * It has two files of fixed-length lines: `+id` (started), `-id` (the container did not take it) or `=id` (ended:
 * acknowledged and recorded). The first two are written at once, `+id` before the container gets the activation. They
 * do not wait for the disk, so they outlive the process but not the machine. An end is written with the next start, to
 * save a system call; if a kill loses it, the next run looks for the record in the store. A full file replaces the
 * `.old` file. Activations that run at that time are copied to the new file.
 */

const ID_LENGTH = 32;
const LINE_LENGTH = ID_LENGTH + 2;
const BEGUN = '+';
const RETRACTED = '-';
const ENDED = '=';
const FREE = '\0';
/** Two files of 4.5 MB. */
const MAX_LINES = 131_072;
/** The usual number of lines of an activation: start and end. */
const LINES_OF_ONE = 2;
/** The number of unwritten ends that are written without waiting for the next start. */
const MAX_UNWRITTEN = 64;

/** The started activations of an invoker and of its earlier run. */
export interface ActivationJournal {
  /** Whether the journal of the earlier run is available. */
  readonly complete: boolean;
  /** The number of latest activations that the journal contains at least. */
  readonly remembered: number;
  /** Whether the earlier run had passed the activation to a container but had not reported its end. */
  hadBegun(activationId: string): boolean;
  /** Whether the earlier run had acknowledged and recorded the activation. */
  hadEnded(activationId: string): boolean;
  /** To be called before a container gets the activation. */
  begin(activationId: string): void;
  /** To be called if the container did not take it. */
  retract(activationId: string): void;
  /**
   * To be called when the activation has ended.
   * @param reported whether it is acknowledged and recorded. Otherwise the next run looks for its record.
   */
  end(activationId: string, reported: boolean): void;
}

/** A journal without content, for an invoker without a file. */
export const noJournal: ActivationJournal = {
  complete: false,
  remembered: Infinity,
  hadBegun: () => false,
  hadEnded: () => false,
  begin: () => {},
  retract: () => {},
  end: () => {},
};

/** A journal in files. Only one process at a time may use it. */
export class BegunJournal implements ActivationJournal {
  readonly complete: boolean;
  readonly remembered: number;
  /** The number of damaged lines of the earlier run: what they say of activations is lost. */
  readonly damaged: number;
  readonly #path: string;
  readonly #maxLines: number;
  /** For each activation whether it ended. */
  readonly #earlier: ReadonlyMap<string, boolean>;
  readonly #atWork = new Set<string>();
  /** The activations whose end is not written yet. */
  #ended: string[] = [];
  #file = -1;
  #lines = 0;

  /**
   * Opens the journal at `path` and creates a missing folder.
   * @throws the file system's error if it is not writable.
   */
  constructor(path: string, maxLines = MAX_LINES) {
    this.#path = path;
    this.#maxLines = maxLines;
    this.remembered = Math.floor(maxLines / LINES_OF_ONE);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.complete = existsSync(path);
    const { begun, damaged } = readJournal(path);
    this.#earlier = begun;
    this.damaged = damaged;
    this.#begin([...this.#earlier].map(([id, ended]) => lineOf(ended ? ENDED : BEGUN, id)));
  }

  hadBegun(activationId: string): boolean {
    return this.#earlier.get(activationId) === false;
  }

  hadEnded(activationId: string): boolean {
    return this.#earlier.get(activationId) === true;
  }

  begin(activationId: string): void {
    if (this.#atWork.has(activationId)) return;
    this.#append(lineOf(BEGUN, activationId));
    this.#atWork.add(activationId);
  }

  retract(activationId: string): void {
    this.#atWork.delete(activationId);
    this.#append(lineOf(RETRACTED, activationId));
  }

  end(activationId: string, reported: boolean): void {
    this.#atWork.delete(activationId);
    if (!reported) return;
    this.#ended.push(activationId);
    if (this.#ended.length >= MAX_UNWRITTEN) this.#append('');
  }

  close(): void {
    if (this.#file < 0) return;
    this.#append('');
    closeSync(this.#file);
    this.#file = -1;
  }

  /** Starts a new file with these lines. Allocates its space at once, so that a full disk cannot stop an activation. */
  #begin(lines: readonly string[]): void {
    const next = `${this.#path}.new`;
    rmSync(next, { force: true });
    const file = openSync(next, 'w', 0o600);
    const most = Math.max(this.#maxLines, lines.length) + MAX_UNWRITTEN;
    try {
      writeSync(file, lines.join(''), 0, 'latin1');
      allocate(file, lines.length * LINE_LENGTH, most * LINE_LENGTH);
    } catch (error) {
      // Each activation tries again while the disk is full.
      closeSync(file);
      rmSync(next, { force: true });
      throw error;
    }
    if (existsSync(this.#path)) renameSync(this.#path, `${this.#path}.old`);
    renameSync(next, this.#path);
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = file;
    this.#lines = lines.length;
  }

  /** Writes the unwritten ends, then this line. */
  #append(line: string): void {
    const text = this.#ended.map((id) => lineOf(ENDED, id)).join('') + line;
    this.#ended = [];
    if (text === '') return;
    if (this.#lines >= this.#maxLines) this.#begin([...this.#atWork].map((id) => lineOf(BEGUN, id)));
    writeSync(this.#file, text, this.#lines * LINE_LENGTH, 'latin1');
    this.#lines += text.length / LINE_LENGTH;
  }
}

const lineOf = (mark: string, id: string): string => `${mark}${id.slice(0, ID_LENGTH).padEnd(ID_LENGTH)}\n`;

/**
 * Reads the started activations of an earlier run, and for each whether it ended. Skips damaged lines; a line of zeros
 * is one if another line follows it, otherwise it is free space.
 */
function readJournal(path: string): { readonly begun: Map<string, boolean>; readonly damaged: number } {
  const begun = new Map<string, boolean>();
  let damaged = 0;
  for (const file of [`${path}.old`, path, `${path}.new`]) {
    if (!existsSync(file)) continue;
    const content = readFileSync(file, 'latin1');
    let zeros = 0;
    for (let at = 0; at + LINE_LENGTH <= content.length; at += LINE_LENGTH) {
      const mark = content.charAt(at);
      if (mark === FREE) {
        zeros++;
        continue;
      }
      damaged += zeros;
      zeros = 0;
      const id = content.slice(at + 1, at + 1 + ID_LENGTH).trimEnd();
      if (mark === BEGUN) begun.set(id, false);
      else if (mark === ENDED) begun.set(id, true);
      else if (mark === RETRACTED) begun.delete(id);
      else damaged++;
    }
  }
  return { begun, damaged };
}

/** What to log of a journal with damaged lines; undefined for an intact one. */
export function damageOf({ damaged }: BegunJournal, name: string): string | undefined {
  if (damaged === 0) return undefined;
  return `${damaged} lines of the journal of ${name} are damaged: activations in them that had begun may run again`;
}
