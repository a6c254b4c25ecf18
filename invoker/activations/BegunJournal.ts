import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/*
 * Which activations an invoker has handed to a container. A successor that gets their messages again must not run them a
 * second time; whatever else it gets never began.
 *
 * Two files of fixed-length lines, `+id` (begun) or `-id` (not taken by the container after all). A line is written before the
 * container gets the activation, without a wait for the disk: it outlives the process, though not the machine. A full
 * file becomes the `.old` one, whose predecessor goes. Activations that are at work then are carried over.
 */

const ID_LENGTH = 32;
const LINE_LENGTH = ID_LENGTH + 2;
const BEGUN = '+';
const RETRACTED = '-';
/** Far more than can have ended without their place in the topic being committed. */
const MAX_LINES = 32_768;

/** What an invoker knows of beginnings, its predecessor's and its own. */
export interface ActivationJournal {
  /** Whether the predecessor's beginnings are known. */
  readonly complete: boolean;
  /** Whether the predecessor had handed the activation to a container. */
  hadBegun(activationId: string): boolean;
  /** To be called before the activation is handed to a container. */
  begin(activationId: string): void;
  /** The container did not take it. */
  retract(activationId: string): void;
  /** Its record is stored. */
  end(activationId: string): void;
}

/** For an invoker that keeps no journal. */
export const noJournal: ActivationJournal = {
  complete: false,
  hadBegun: () => false,
  begin: () => {},
  retract: () => {},
  end: () => {},
};

/** The journal in a file. One process at a time may use it. */
export class BegunJournal implements ActivationJournal {
  readonly complete: boolean;
  readonly #path: string;
  readonly #maxLines: number;
  readonly #earlier: ReadonlySet<string>;
  readonly #atWork = new Set<string>();
  readonly #line = Buffer.alloc(LINE_LENGTH, ' ');
  #file = -1;
  #lines = 0;

  /**
   * Opens the journal at `path`; its folder is made where it is missing.
   * @throws what the file system throws where it cannot be written.
   */
  constructor(path: string, maxLines = MAX_LINES) {
    this.#path = path;
    this.#maxLines = maxLines;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.complete = existsSync(path);
    this.#earlier = readJournal(path);
    this.#begin([...this.#earlier]);
  }

  hadBegun(activationId: string): boolean {
    return this.#earlier.has(activationId);
  }

  begin(activationId: string): void {
    if (this.#atWork.has(activationId)) return;
    this.#atWork.add(activationId);
    if (this.#lines >= this.#maxLines) this.#begin([...this.#atWork]);
    else this.#append(BEGUN, activationId);
  }

  retract(activationId: string): void {
    this.#atWork.delete(activationId);
    this.#append(RETRACTED, activationId);
  }

  end(activationId: string): void {
    this.#atWork.delete(activationId);
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  /** Begins a new file with these activations. Its room is taken at once, so that a full disk stops no activation. */
  #begin(ids: readonly string[]): void {
    const next = `${this.#path}.new`;
    rmSync(next, { force: true });
    const file = openSync(next, 'w', 0o600);
    const lines = Math.max(this.#maxLines, ids.length + 1);
    const content = Buffer.alloc(lines * LINE_LENGTH);
    ids.forEach((id, i) => content.write(lineOf(BEGUN, id), i * LINE_LENGTH, 'latin1'));
    writeSync(file, content);
    if (existsSync(this.#path)) renameSync(this.#path, `${this.#path}.old`);
    renameSync(next, this.#path);
    this.close();
    this.#file = file;
    this.#lines = ids.length;
  }

  #append(mark: string, activationId: string): void {
    this.#line.write(lineOf(mark, activationId), 0, 'latin1');
    writeSync(this.#file, this.#line, 0, LINE_LENGTH, this.#lines * LINE_LENGTH);
    this.#lines++;
  }
}

const lineOf = (mark: string, id: string): string => `${mark}${id.slice(0, ID_LENGTH).padEnd(ID_LENGTH)}\n`;

/** The activations that had begun, by the files of an earlier run. */
function readJournal(path: string): Set<string> {
  const begun = new Set<string>();
  for (const file of [`${path}.old`, path, `${path}.new`]) {
    if (!existsSync(file)) continue;
    const content = readFileSync(file, 'latin1');
    for (let at = 0; at + LINE_LENGTH <= content.length; at += LINE_LENGTH) {
      const id = content.slice(at + 1, at + 1 + ID_LENGTH).trimEnd();
      const mark = content.charAt(at);
      if (mark === BEGUN) begun.add(id);
      else if (mark === RETRACTED) begun.delete(id);
      else break;
    }
  }
  return begun;
}
