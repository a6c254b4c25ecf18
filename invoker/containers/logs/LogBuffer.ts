/** The line at the end of an activation's part of a log stream. */
export const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/** The sentinel of a runtime with the container's token. An action cannot forge it. */
export const signedSentinel = (token: string): string => `${SENTINEL} ${token}`;

/** The text that V8 writes to stderr before it ends the process. */
export const HEAP_EXHAUSTED = 'JavaScript heap out of memory';

export type StreamName = 'stdout' | 'stderr';

/** A line of an activation's log: `TIMESTAMP stdout: text`. */
function logLine(time: string, stream: StreamName, text: string): string {
  return `${time.padEnd(30)} ${stream}: ${text}`;
}

/** OpenWhisk's notices, as lines of stderr. */
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
/** The bytes of a line in addition to its text: time, stream and line break. */
const LINE_OVERHEAD_BYTES = 40;
/** The length at which a line without a line break is cut, so that it cannot exhaust the memory. */
const MAX_LINE_BYTES = 1024 * 1024;
/** The most uncollected segments, since an action may print any number of sentinels. */
const MAX_SEGMENTS = 4096;

interface Line {
  /** The position in the order of arrival, over both streams. */
  readonly order: number;
  readonly text: string;
}

/** The lines of one stream between two sentinels. */
interface Segment {
  lines: Line[];
  bytes: number;
  /** Whether lines were dropped. */
  overflowed: boolean;
  /** Whether it ended with a sentinel that the runtime signed. */
  signed?: boolean;
}

interface Stream {
  readonly name: StreamName;
  /** Segments that ended with a sentinel and were not taken yet. */
  done: Segment[];
  open: Segment;
  /** The pieces of an incomplete line, and their total length. */
  partial: Buffer[];
  partialBytes: number;
  /** The bytes of all segments. */
  bytes: number;
  /** The number of expected late sentinels, for lines that were taken without them. */
  late: number;
}

/** Is told what arrives, in its order. */
export interface LineEvents {
  sentinel(stream: StreamName): void;
  /** A line that was kept, in the form in which `take` returns it. */
  line(stream: StreamName, line: string): void;
}

export interface TakenLogs {
  readonly lines: string[];
  readonly truncated: boolean;
}

/**
 * The logs of one container, split into activations by the sentinels of the two streams. Holds at most `maxBytes` of
 * each stream. Drops further lines and notes that.
 */
export class LogBuffer {
  readonly #maxBytes: number;
  readonly #signed: Buffer | undefined;
  readonly #streams: Record<StreamName, Stream>;
  /** Missing: nobody wants to know. */
  events: LineEvents | undefined;
  #signedOnly = false;
  #order = 0;

  /** @param token the container's token, if its runtime may sign sentinels. */
  constructor(maxBytes: number, token?: string) {
    this.#maxBytes = maxBytes;
    this.#signed = token === undefined ? undefined : Buffer.from(signedSentinel(token));
    this.#streams = { stdout: newStream('stdout'), stderr: newStream('stderr') };
  }

  get signedOnly(): boolean {
    return this.#signedOnly;
  }

  /**
   * To be called when the runtime confirms that it signs sentinels: from then on only signed ones count. An earlier
   * unsigned sentinel was the action's text, so the segments around it are merged. An earlier signed one ends the logs of
   * an initialization that failed.
   */
  requireSigned(): void {
    if (this.#signedOnly || this.#signed === undefined) return;
    this.#signedOnly = true;
    for (const stream of [this.#streams.stdout, this.#streams.stderr]) {
      const segments = [...stream.done, stream.open];
      const ends = segments.flatMap(({ signed }, i) => (signed ? [i + 1] : []));
      stream.done = ends.map((end, i) => ({ ...joined(segments.slice(ends[i - 1] ?? 0, end)), signed: true }));
      stream.open = joined(segments.slice(ends.at(-1) ?? 0));
    }
  }

  /**
   * Drops all lines that were not taken, at the start of an activation: they belong to earlier ones.
   * @returns the number of dropped lines.
   */
  dropLeftovers(): number {
    let dropped = 0;
    for (const stream of [this.#streams.stdout, this.#streams.stderr]) {
      if (isUntouched(stream)) continue;
      for (const { lines } of [...stream.done, stream.open]) dropped += lines.length;
      if (stream.partialBytes > 0) dropped += 1;
      stream.done = [];
      stream.open = newSegment();
      ended(stream);
      stream.bytes = 0;
    }
    return dropped;
  }

  /** The position of the next line in the order of arrival. */
  get position(): number {
    return this.#order;
  }

  /**
   * Drops the untaken lines before `position`.
   * @returns the number of dropped lines.
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

  /** Whether both streams contain a sentinel: the logs of an activation are complete. */
  get complete(): boolean {
    return this.#streams.stdout.done.length > 0 && this.#streams.stderr.done.length > 0;
  }

  /** Adds a chunk of a stream. `time` returns the timestamp for a line. */
  write(name: StreamName, chunk: Buffer, time: () => string): void {
    const stream = this.#streams[name];
    let stamp: string | undefined;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = ended(stream, chunk.subarray(start, end));
      start = end + 1;
      const sentinel = this.#sentinelIn(line);
      if (sentinel >= 0) {
        // Without a line break the action's last text is on the same line before the sentinel.
        if (sentinel > 0) this.#add(stream, line.subarray(0, sentinel), (stamp ??= time()));
        // Later, all are signed, and nobody asks.
        close(stream, !this.#signedOnly && this.#signed !== undefined && line.includes(this.#signed));
        this.events?.sentinel(name);
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
   * Takes the lines of one activation in the order of arrival: each stream up to its first sentinel, or the whole
   * stream without one.
   * @param maxBytes further lines are dropped, and the last line is the truncation notice.
   * @param sentinelsToCome whether missing sentinels will still arrive and belong to this activation.
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

  /** The index of the sentinel in a line; -1 without a sentinel. */
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

  /** Completes a line without a line break. */
  #flush(stream: Stream, time: string): void {
    if (stream.partialBytes > 0) this.#add(stream, ended(stream), time);
  }

  /** Cuts a long line, except for its last bytes, which may be the start of a sentinel. */
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
    const text = logLine(time, stream.name, line.toString('utf8', 0, end));
    open.lines.push({ order: this.#order++, text });
    this.events?.line(stream.name, text);
  }
}

function newStream(name: StreamName): Stream {
  return { name, done: [], open: newSegment(), partial: [], partialBytes: 0, bytes: 0, late: 0 };
}

/** The complete line. Joins the pieces only once: joining at each chunk would take quadratic time. */
function ended(stream: Stream, last?: Buffer): Buffer {
  const { partial } = stream;
  if (partial.length === 0) return last ?? Buffer.alloc(0);
  if (last) partial.push(last);
  stream.partial = [];
  stream.partialBytes = 0;
  return Buffer.concat(partial);
}

/** Whether there is nothing to drop, as usual. */
const isUntouched = ({ done, open, partialBytes }: Stream): boolean =>
  done.length === 0 && open.bytes === 0 && !open.overflowed && partialBytes === 0;

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

/** Ends the current segment at a sentinel. */
function close(stream: Stream, signed: boolean): void {
  const { open } = stream;
  open.signed = signed;
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
