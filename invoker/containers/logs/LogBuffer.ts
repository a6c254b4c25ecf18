/** Ends an activation's part of a log stream, on a line of its own. */
export const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/** The sentinel of a runtime that knows the container's token: an action cannot write this line. */
export const signedSentinel = (token: string): string => `${SENTINEL} ${token}`;

/** What V8 says on stderr before it ends the process. */
export const HEAP_EXHAUSTED = 'JavaScript heap out of memory';

export type StreamName = 'stdout' | 'stderr';

/** A line that stands in an activation's log: `TIMESTAMP stdout: text`. */
function logLine(time: string, stream: StreamName, text: string): string {
  return `${time.padEnd(30)} ${stream}: ${text}`;
}

/** The notices that OpenWhisk's users know, as lines of stderr. */
export const NOTICES = {
  truncated: (time: string, limitBytes: number): string =>
    logLine(
      time,
      'stderr',
      `Logs were truncated because the total bytes size exceeds the limit of ${limitBytes} bytes.`,
    ),
  incomplete: (time: string): string =>
    logLine(time, 'stderr', 'There was an issue while collecting your logs. Data might be missing.'),
} as const;

const SENTINEL_BYTES = Buffer.from(SENTINEL);
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** What a line has besides its text: time, stream, and the end. */
const LINE_OVERHEAD_BYTES = 40;
/** A line without an end is cut here, so that it cannot fill the memory. */
const MAX_LINE_BYTES = 1024 * 1024;
/** Sentinels that nobody collects (an action may print them) are counted no further. */
const MAX_SEGMENTS = 4096;

interface Line {
  /** Place in the order in which lines arrived, over both streams. */
  readonly order: number;
  readonly text: string;
}

/** What one stream carried between two sentinels. */
interface Segment {
  lines: Line[];
  bytes: number;
  /** Lines were dropped. */
  overflowed: boolean;
}

interface Stream {
  readonly name: StreamName;
  /** Ended by a sentinel, not yet taken. */
  done: Segment[];
  open: Segment;
  /** The pieces of a line that has not ended, and their length together. */
  partial: Buffer[];
  partialBytes: number;
  /** Of all segments that are held. */
  bytes: number;
  /** Sentinels that come late, for what was already taken without them. */
  late: number;
}

export interface TakenLogs {
  readonly lines: string[];
  readonly truncated: boolean;
}

/**
 * The logs of one container, cut into activations by the sentinels of its two streams. Holds at most `maxBytes` of each
 * stream; lines beyond are dropped, and the buffer remembers that they were.
 */
export class LogBuffer {
  readonly #maxBytes: number;
  readonly #signed: Buffer | undefined;
  readonly #streams: Record<StreamName, Stream>;
  #signedOnly = false;
  #order = 0;

  /** @param token the container's token, where its runtime may sign sentinels with it. */
  constructor(maxBytes: number, token?: string) {
    this.#maxBytes = maxBytes;
    this.#signed = token === undefined ? undefined : Buffer.from(signedSentinel(token));
    this.#streams = { stdout: newStream('stdout'), stderr: newStream('stderr') };
  }

  get signedOnly(): boolean {
    return this.#signedOnly;
  }

  /**
   * From now on only signed sentinels count: the runtime has said that it signs them. A plain sentinel that came before
   * was the action's own text, so the parts that it cut are one part again.
   */
  requireSigned(): void {
    if (this.#signedOnly || this.#signed === undefined) return;
    this.#signedOnly = true;
    for (const stream of [this.#streams.stdout, this.#streams.stderr]) {
      stream.open = joined([...stream.done, stream.open]);
      stream.done = [];
    }
  }

  /**
   * Drops everything that was not taken: a new activation begins, and these lines are not its own.
   * @returns how many lines were dropped.
   */
  dropLeftovers(): number {
    let dropped = 0;
    for (const stream of [this.#streams.stdout, this.#streams.stderr]) {
      for (const { lines } of [...stream.done, stream.open]) dropped += lines.length;
      if (stream.partialBytes > 0) dropped += 1;
      stream.done = [];
      stream.open = newSegment();
      ended(stream);
      stream.bytes = 0;
    }
    return dropped;
  }

  /** The place that the next line will have in the order of arrival. */
  get position(): number {
    return this.#order;
  }

  /**
   * Drops the lines that arrived before `position` and were not taken.
   * @returns how many lines were dropped.
   */
  dropBefore(position: number): number {
    let dropped = 0;
    for (const stream of [this.#streams.stdout, this.#streams.stderr]) {
      for (const segment of [...stream.done, stream.open]) {
        const kept = segment.lines.filter(({ order }) => order >= position);
        dropped += segment.lines.length - kept.length;
        segment.lines = kept;
      }
    }
    return dropped;
  }

  /** Whether both streams hold a sentinel: the logs of an activation are all there. */
  get complete(): boolean {
    return this.#streams.stdout.done.length > 0 && this.#streams.stderr.done.length > 0;
  }

  /** Takes in what a stream carried; `time` is called when there is a line to stamp. */
  write(name: StreamName, chunk: Buffer, time: () => string): void {
    const stream = this.#streams[name];
    let stamp: string | undefined;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = ended(stream, chunk.subarray(start, end));
      start = end + 1;
      const sentinel = this.#sentinelIn(line);
      if (sentinel >= 0) {
        // An action's last text stands before the sentinel where the action did not end its line.
        if (sentinel > 0) this.#add(stream, line.subarray(0, sentinel), (stamp ??= time()));
        close(stream);
      } else {
        this.#add(stream, line, (stamp ??= time()));
      }
    }
    if (start === chunk.length) return;
    stream.partial.push(Buffer.from(chunk.subarray(start)));
    stream.partialBytes += chunk.length - start;
    if (stream.partialBytes > MAX_LINE_BYTES) this.#cut(stream, (stamp ??= time()));
  }

  /**
   * The lines of one activation, in order of arrival: each stream up to its first sentinel, or all of it where it has none.
   * @param maxBytes lines beyond are dropped, and the truncation notice is the last line.
   * @param sentinelsToCome whether sentinels that are missing now are still expected, and belong to this activation.
   */
  take(maxBytes: number, time: () => string, sentinelsToCome: boolean): TakenLogs {
    const out = this.#takeStream(this.#streams.stdout, time, sentinelsToCome);
    const err = this.#takeStream(this.#streams.stderr, time, sentinelsToCome);
    const limit = Math.min(maxBytes, this.#maxBytes);
    const lines: string[] = [];
    let truncated = out.overflowed || err.overflowed;
    let bytes = 0;
    for (const line of merge(out.lines, err.lines)) {
      bytes += Buffer.byteLength(line.text) + 1;
      if (bytes > limit) {
        truncated = true;
        break;
      }
      lines.push(line.text);
    }
    if (truncated) lines.push(NOTICES.truncated(time(), limit));
    return { lines, truncated };
  }

  /** Where the sentinel begins in a line; -1 without a sentinel. */
  #sentinelIn(line: Buffer): number {
    if (this.#signedOnly && this.#signed) return line.indexOf(this.#signed);
    return line.indexOf(SENTINEL_BYTES);
  }

  #takeStream(stream: Stream, time: () => string, sentinelToCome: boolean): Segment {
    let taken = stream.done.shift();
    if (!taken) {
      this.#flush(stream, time());
      taken = stream.open;
      stream.open = newSegment();
      if (sentinelToCome) stream.late += 1;
    }
    stream.bytes -= taken.bytes;
    return taken;
  }

  /** Ends a line that has no end yet. */
  #flush(stream: Stream, time: string): void {
    if (stream.partialBytes > 0) this.#add(stream, ended(stream), time);
  }

  /** Ends a long line without an end, except for its last bytes: they may be the beginning of a sentinel. */
  #cut(stream: Stream, time: string): void {
    const line = ended(stream);
    const kept = line.length - (this.#signed?.length ?? SENTINEL_BYTES.length);
    this.#add(stream, line.subarray(0, kept), time);
    stream.partial = [Buffer.from(line.subarray(kept))];
    stream.partialBytes = line.length - kept;
  }

  #add(stream: Stream, line: Buffer, time: string): void {
    const { open } = stream;
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
    const bytes = end + LINE_OVERHEAD_BYTES;
    if (stream.bytes + bytes > this.#maxBytes) {
      open.overflowed = true;
      return;
    }
    open.bytes += bytes;
    stream.bytes += bytes;
    open.lines.push({ order: this.#order++, text: logLine(time, stream.name, line.toString('utf8', 0, end)) });
  }
}

function newStream(name: StreamName): Stream {
  return { name, done: [], open: newSegment(), partial: [], partialBytes: 0, bytes: 0, late: 0 };
}

/** The whole line, once its last piece is there. The pieces are joined once: joining each with the rest would take quadratic time. */
function ended(stream: Stream, last?: Buffer): Buffer {
  const { partial } = stream;
  if (partial.length === 0) return last ?? Buffer.alloc(0);
  if (last) partial.push(last);
  stream.partial = [];
  stream.partialBytes = 0;
  return Buffer.concat(partial);
}

function newSegment(): Segment {
  return { lines: [], bytes: 0, overflowed: false };
}

function joined(segments: readonly Segment[]): Segment {
  return {
    lines: segments.flatMap(({ lines }) => lines),
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    overflowed: segments.some(({ overflowed }) => overflowed),
  };
}

/** A sentinel came. */
function close(stream: Stream): void {
  const { open } = stream;
  stream.open = newSegment();
  if (stream.late === 0 && stream.done.length < MAX_SEGMENTS) {
    stream.done.push(open);
    return;
  }
  if (stream.late > 0) stream.late -= 1;
  stream.bytes -= open.bytes;
}

function* merge(a: readonly Line[], b: readonly Line[]): Generator<Line> {
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left && (!right || left.order < right.order)) {
      yield left;
      i += 1;
    } else if (right) {
      yield right;
      j += 1;
    } else {
      return;
    }
  }
}
