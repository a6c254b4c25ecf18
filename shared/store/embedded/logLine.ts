import { crc32 } from 'node:zlib';

/*
 * A line of an `EntryLog`: length of the rest (4 bytes), checksum (4 bytes), kind (1 byte), length of the key (2
 * bytes), key, value. Numbers are big-endian, texts UTF-8. The checksum covers the segment's number and all that
 * follows it.
 */

export type LogLine =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'remove'; readonly key: string };

const HEAD = 8;
/** To find the exact length of a text takes longer than to have room for a short one. */
const SHORT_BYTES = 32 * 1024;
const KIND = { put: 1, remove: 2 } as const;

/** At least the bytes of a line: a unit of a text takes at most three bytes of UTF-8. Exact for long ones. */
export function roomFor(line: LogLine): number {
  const value = line.kind === 'put' ? line.value : '';
  const most = HEAD + 3 + 3 * (line.key.length + value.length);
  return most <= SHORT_BYTES ? most : HEAD + 3 + Buffer.byteLength(line.key) + Buffer.byteLength(value);
}

/** Writes a line to `bytes`, which has room for it from `at` on. @returns the end of the line */
export function writeLine(line: LogLine, segment: number, bytes: Buffer, at: number): number {
  const keyBytes = bytes.write(line.key, at + HEAD + 3);
  let end = at + HEAD + 3 + keyBytes;
  if (line.kind === 'put') end += bytes.write(line.value, end);
  bytes.writeUInt32BE(end - at - HEAD, at);
  bytes.writeUInt8(KIND[line.kind], at + HEAD);
  bytes.writeUInt16BE(keyBytes, at + HEAD + 1);
  bytes.writeUInt32BE(crc32(bytes.subarray(at + HEAD, end), segment), at + 4);
  return end;
}

export interface FoundLine {
  readonly line: LogLine;
  readonly at: number;
  readonly bytes: number;
  /** The damaged bytes before the line. */
  readonly damaged: number;
}

/**
 * The valid lines of a segment. Its end is the first invalid line that no valid line follows: it was cut off, is free space, or is of
 * another segment. An invalid line before a valid one is damaged: it is skipped, so that it costs no other line.
 */
export function* readLines(content: Buffer, segment: number): Generator<FoundLine> {
  for (let end = 0; ;) {
    const at = lineFrom(content, segment, end);
    if (at === undefined) return;
    const body = bodyAt(content, segment, at) ?? Buffer.alloc(0);
    const keyEnd = 3 + body.readUInt16BE(1);
    const key = body.toString('utf8', 3, keyEnd);
    const line: LogLine =
      body.readUInt8(0) === KIND.put
        ? { kind: 'put', key, value: body.toString('utf8', keyEnd) }
        : { kind: 'remove', key };
    const bytes = HEAD + body.length;
    yield { line, at, bytes, damaged: at - end };
    end = at + bytes;
  }
}

/** The rest of the line at a position, after its head; undefined if no valid line is there. */
function bodyAt(content: Buffer, segment: number, at: number): Buffer | undefined {
  if (at + HEAD + 3 > content.length) return undefined;
  const length = content.readUInt32BE(at);
  if (length < 3 || length > content.length - at - HEAD) return undefined;
  const body = content.subarray(at + HEAD, at + HEAD + length);
  if (3 + body.readUInt16BE(1) > length) return undefined;
  return crc32(body, segment) === content.readUInt32BE(at + 4) ? body : undefined;
}

/** The position of the first valid line from `from` on. It looks only where a line's kind may be. */
function lineFrom(content: Buffer, segment: number, from: number): number | undefined {
  if (bodyAt(content, segment, from)) return from;
  let put = -1;
  let remove = -1;
  for (let kind = from + HEAD; ; kind++) {
    if (put < kind) put = positionOf(KIND.put, content, kind);
    if (remove < kind) remove = positionOf(KIND.remove, content, kind);
    kind = Math.min(put, remove);
    if (kind === Infinity) return undefined;
    if (bodyAt(content, segment, kind - HEAD)) return kind - HEAD;
  }
}

function positionOf(byte: number, content: Buffer, from: number): number {
  const at = content.indexOf(byte, from);
  return at < 0 ? Infinity : at;
}
