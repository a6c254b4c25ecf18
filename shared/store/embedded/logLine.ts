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

/**
 * The valid lines at the start of `content`, up to the first one that is incomplete, damaged, or of another segment.
 */
export function* readLines(
  content: Buffer,
  segment: number,
): Generator<{ readonly line: LogLine; readonly at: number; readonly bytes: number }> {
  for (let at = 0; at + HEAD + 3 <= content.length;) {
    const length = content.readUInt32BE(at);
    const body = content.subarray(at + HEAD, at + HEAD + length);
    if (length < 3 || body.length < length || crc32(body, segment) !== content.readUInt32BE(at + 4)) return;
    const keyEnd = 3 + body.readUInt16BE(1);
    const key = body.toString('utf8', 3, keyEnd);
    const line: LogLine =
      body.readUInt8(0) === KIND.put
        ? { kind: 'put', key, value: body.toString('utf8', keyEnd) }
        : { kind: 'remove', key };
    yield { line, at, bytes: HEAD + length };
    at += HEAD + length;
  }
}
