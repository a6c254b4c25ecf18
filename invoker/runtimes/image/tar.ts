import { createReadStream } from 'node:fs';

/** An entry of an image: a folder, a symbolic link, or a file with its data in memory or on this machine's disk. */
export type RootEntry =
  | { readonly type: 'folder'; readonly path: string; readonly mode?: number; readonly owner?: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly mode?: number; readonly data: Buffer }
  | {
      readonly type: 'copy';
      readonly path: string;
      readonly mode?: number;
      readonly from: string;
      readonly size: number;
    };

const BLOCK = 512;
const FLAGS = { file: '0', copy: '0', link: '2', folder: '5' } as const;

/** Writes entries as a tar (ustar), in order and with fixed times, so that equal entries give equal bytes. */
export async function* tar(entries: Iterable<RootEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield header(entry);
    let length = 0;
    if (entry.type === 'file') {
      yield entry.data;
      length = entry.data.length;
    } else if (entry.type === 'copy') {
      const chunks: AsyncIterable<unknown> = createReadStream(entry.from);
      for await (const chunk of chunks) {
        if (!Buffer.isBuffer(chunk)) throw new TypeError(`${entry.from} was not read as bytes`);
        yield chunk;
        length += chunk.length;
      }
      if (length !== entry.size) throw new Error(`${entry.from} changed while it was read`);
    }
    if (length % BLOCK > 0) yield Buffer.alloc(BLOCK - (length % BLOCK));
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header(entry: RootEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const path = entry.path.replace(/^\//, '') + (entry.type === 'folder' ? '/' : '');
  const [prefix, name] = splitPath(path);
  const size = entry.type === 'file' ? entry.data.length : entry.type === 'copy' ? entry.size : 0;
  const mode = entry.type === 'link' ? 0o777 : (entry.mode ?? (entry.type === 'folder' ? 0o755 : 0o644));
  const owner = entry.type === 'folder' ? (entry.owner ?? 0) : 0;
  block.write(name, 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(owner, 8), 108);
  block.write(octal(owner, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(FLAGS[entry.type], 156);
  if (entry.type === 'link') block.write(entry.target, 157);
  block.write('ustar\u000000', 257);
  block.write(prefix, 345);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function octal(value: number, width: number): string {
  return value.toString(8).padStart(width - 1, '0');
}

/** Splits a path for a ustar header, which has 100 bytes for the name and 155 for the folders before it. */
function splitPath(path: string): [prefix: string, name: string] {
  if (path.length <= 100) return ['', path];
  const slash = path.indexOf('/', path.length - 101);
  if (slash < 0 || slash > 155 || slash === path.length - 1) throw new Error(`'${path}' is too long for a tar`);
  return [path.slice(0, slash), path.slice(slash + 1)];
}
