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
const KIND = { put: 1, remove: 2 } as const;

export function encodeLine(line: LogLine, segment: number): Buffer {
  const value = line.kind === 'put' ? line.value : '';
  const keyBytes = Buffer.byteLength(line.key);
  const bytes = Buffer.allocUnsafe(HEAD + 3 + keyBytes + Buffer.byteLength(value));
  bytes.writeUInt32BE(bytes.length - HEAD, 0);
  bytes.writeUInt8(KIND[line.kind], HEAD);
  bytes.writeUInt16BE(keyBytes, HEAD + 1);
  bytes.write(line.key, HEAD + 3);
  bytes.write(value, HEAD + 3 + keyBytes);
  bytes.writeUInt32BE(crc32(bytes.subarray(HEAD), segment), 4);
  return bytes;
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
