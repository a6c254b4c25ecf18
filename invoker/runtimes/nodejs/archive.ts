import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { crc32, gunzipSync, inflateRawSync } from 'node:zlib';

/** A file, folder or link of an archive. `mode`: the permission bits; 0 if the archive does not contain them. */
export interface ArchiveEntry {
  readonly path: string;
  readonly type: 'file' | 'folder' | 'link';
  readonly mode: number;
  /** The content of a file, or the target of a link. */
  readonly data: Buffer;
}

/**
 * Unpacks a zip or tar.gz into an existing folder.
 * @throws Error with a message for the user
 */
export function unpack(archive: Buffer, folder: string): void {
  if (archive.length > 4 && archive.readUInt32BE(0) === 0x504b0304) {
    attempt('Zip', () => write(zipEntries(archive), folder));
  } else if (archive.length > 2 && archive.readUInt16BE(0) === 0x1f8b) {
    attempt('Tar GZ', () => write(tarEntries(gunzipSync(archive)), folder));
  } else {
    throw new Error('There was an error uncompressing the action archive. The file type is unsupported');
  }
}

function attempt(format: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new Error(`There was an error uncompressing the action ${format} archive.`, { cause: error });
  }
}

function write(entries: Iterable<ArchiveEntry>, folder: string): void {
  const links: ArchiveEntry[] = [];
  for (const entry of entries) {
    const path = inside(folder, entry.path);
    if (entry.type === 'folder') {
      mkdirSync(path, { recursive: true });
    } else if (entry.type === 'link') {
      links.push(entry);
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, entry.data);
      if (entry.mode & 0o111) chmodSync(path, entry.mode | 0o600);
    }
  }
  // Create links last, so that no file can be written through a link to a path outside.
  for (const link of links) {
    const path = inside(folder, link.path);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(link.data.toString(), path);
  }
}

function inside(folder: string, path: string): string {
  const relative = normalize(path);
  if (isAbsolute(relative) || relative === '..' || relative.startsWith(`..${sep}`)) {
    throw new Error(`'${path}' is outside of the archive`);
  }
  return join(folder, relative);
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_HEADER = 0x02014b50;
const SYMBOLIC_LINK = 0o120000;

/** The entries of a zip, from its central directory. */
function* zipEntries(zip: Buffer): Generator<ArchiveEntry> {
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error('not a zip');
  let at = zip.readUInt32LE(end + 16);
  for (let count = zip.readUInt16LE(end + 10); count > 0; count -= 1) {
    if (zip.readUInt32LE(at) !== DIRECTORY_HEADER) throw new Error('a broken central directory');
    const method = zip.readUInt16LE(at + 10);
    const crc = zip.readUInt32LE(at + 16);
    const size = zip.readUInt32LE(at + 20);
    const nameLength = zip.readUInt16LE(at + 28);
    const mode = zip.readUInt32LE(at + 38) >>> 16;
    const header = zip.readUInt32LE(at + 42);
    const path = zip.toString('utf8', at + 46, at + 46 + nameLength);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);

    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    const packed = zip.subarray(start, start + size);
    if (method !== 0 && method !== 8) throw new Error(`compression method ${method}`);
    const data = method === 8 ? inflateRawSync(packed) : packed;
    if (crc32(data) !== crc) throw new Error(`'${path}' is damaged`);
    const type = path.endsWith('/') ? 'folder' : (mode & 0o170000) === SYMBOLIC_LINK ? 'link' : 'file';
    yield { path, type, mode: mode & 0o777, data };
  }
}

const BLOCK = 512;

/** The entries of a tar, including long names of GNU and PAX. */
function* tarEntries(tar: Buffer): Generator<ArchiveEntry> {
  let longName: string | undefined;
  let longLink: string | undefined;
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number): string => {
      const field = tar.subarray(at + from, at + from + length);
      const zero = field.indexOf(0);
      return field.toString('utf8', 0, zero < 0 ? length : zero);
    };
    const size = Number.parseInt(text(124, 12), 8) || 0;
    const flag = text(156, 1) || '0';
    const data = tar.subarray(at + BLOCK, at + BLOCK + size);
    const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
    const shortName = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
    const shortLink = text(157, 100);
    const mode = Number.parseInt(text(100, 8), 8) & 0o777;
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;

    if (flag === 'L') longName = data.toString().replace(/\0+$/, '');
    else if (flag === 'K') longLink = data.toString().replace(/\0+$/, '');
    else if (flag === 'x') {
      const fields = paxFields(data);
      longName = fields.get('path');
      longLink = fields.get('linkpath');
    } else if (flag !== 'g') {
      const path = longName ?? shortName;
      if (flag === '5') yield { path, type: 'folder', mode, data };
      else if (flag === '2') yield { path, type: 'link', mode, data: Buffer.from(longLink ?? shortLink) };
      else if (flag === '0' || flag === '7') yield { path, type: 'file', mode, data };
      else throw new Error(`'${path}' has type ${flag}`);
      longName = longLink = undefined;
    }
  }
}

/** Reads `LENGTH key=value\n` records. */
function paxFields(data: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('utf8', at, space));
    if (space < 0 || !(length > 0)) break;
    const record = data.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    fields.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return fields;
}
