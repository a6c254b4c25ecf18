import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/*
 * Reads an LMDB file without mapping it, to find damage. LMDB itself trusts its file: a missing or invalid page ends
 * the process with a signal.
 *
 * The format is that of LMDB's data version 2 as the package `lmdb` writes it (github: kriszyp/lmdb-js,
 * `dependencies/lmdb/libraries/liblmdb/mdb.c`: MDB_page_header, MDB_meta, MDB_db, MDB_node). Numbers are little-endian.
 *
 *   page   number (8 bytes), transaction (8), pad (2), flags (2), lower and upper bound of the free space (2 + 2), or the
 *          number of pages of an overflow (4); then offsets of nodes (2 each), counted from the end of this header
 *   meta   in a page's body: magic (4), version (4), address (8), map size (8), tree of free pages (48), main tree (48), last
 *          page (8), transaction (8), boot of the system that wrote it (8)
 *   tree   page size (4, in the first tree), flags (2), depth (2), numbers of branch, leaf and overflow pages (8 each),
 *          entries (8), root (8)
 *   node   low and high half of the data's size, or of a child's page number (2 + 2), flags (2, or the number's top), size of the key (2), key, data
 */

const HEADER = 24;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const NODE = 8;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
const BIG_DATA = 0x01;
const SUB_TREE = 0x02;
const DUPLICATES = 0x04;
/** Flags of trees that the tree of free pages never has. LMDB would end the process with a signal. */
const NEVER_OF_FREE = 0x02 | DUPLICATES | 0x10 | 0x20 | 0x40;
const TREE_BYTES = 48;
const META_BYTES = 160;
/** A flag of the first tree of a meta page: its transaction may not be on the disk. */
const NOT_FLUSHED = 0x1000;
/** More levels than the tree of any real file. */
const MAX_DEPTH = 32;
/** No process can map a longer file. */
const MAX_FILE_BYTES = 2n ** 47n;
/** More transactions than any file had. */
const MAX_TRANSACTION = 2n ** 56n;

export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

export interface Findings {
  /** The number of checked pages. */
  readonly pages: number;
  readonly fileBytes: number;
}

export interface CheckOptions {
  readonly leaves: boolean;
  /** The boot of this system; missing: read from the system. */
  readonly boot?: bigint | undefined;
}

/** The tree of free pages, the one that contains the other trees, and those. */
type Kind = 'free' | 'named' | 'data';

interface Meta {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
  readonly boot: bigint;
  /** Whether the file system has confirmed the transaction. */
  readonly flushed: boolean;
  readonly trees: readonly [Buffer, Buffer];
}

/**
 * Checks an LMDB file: its size, its meta pages, and of the transaction that LMDB would use the branch pages and the list of free pages, which each
 * write needs. With `leaves` it reads every page in use, otherwise about one in fifty. An empty file is valid.
 * @throws DamagedFileError that describes the damage; the file system's errors.
 */
export function checkLmdbFile(path: string, options: CheckOptions): Findings {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    return size === 0 ? { pages: 0, fileBytes: 0 } : new Check(file, size, options).run();
  } finally {
    closeSync(file);
  }
}

class Check {
  readonly #file: number;
  readonly #size: number;
  readonly #leaves: boolean;
  readonly #boot: bigint | undefined;
  #pageSize = 4096;
  #lastPage = 0n;
  #pages = 0;

  constructor(file: number, size: number, { leaves, boot = bootOfSystem() }: CheckOptions) {
    this.#file = file;
    this.#size = size;
    this.#leaves = leaves;
    this.#boot = boot;
  }

  run(): Findings {
    const { pageSize, lastPage, trees } = this.#meta();
    this.#pageSize = pageSize;
    this.#lastPage = lastPage;
    const [free, main] = trees;
    if ((free.readUInt16LE(4) & NEVER_OF_FREE) !== 0)
      throw new DamagedFileError('its list of free pages has wrong flags');
    this.#tree(free, 'free');
    this.#tree(main, 'named');
    return { pages: this.#pages, fileBytes: this.#size };
  }

  /** The meta page that LMDB would use. With overlapping flushes the file has three: two in the first page, one in the second. */
  #meta(): Meta {
    const first = this.#metaAt(0);
    if (!first) throw new DamagedFileError('its first page is not that of an LMDB database');
    const { pageSize } = first;
    if (this.#size < 2 * pageSize)
      throw new DamagedFileError(`it ends after ${this.#size} bytes, within its first pages`);
    const others = [pageSize / 2, pageSize].flatMap((at) => this.#metaAt(at) ?? []);
    if (!this.#metaAt(pageSize)) throw new DamagedFileError('its second page is not that of an LMDB database');
    for (const other of others) {
      if (other.pageSize !== pageSize) throw new DamagedFileError('its meta pages contradict each other');
    }
    return [first, ...others].reduce((a, b) => used(a, b, this.#boot));
  }

  #metaAt(at: number): Meta | undefined {
    const bytes = this.#read(at, HEADER + META_BYTES);
    if (!bytes || (bytes.readUInt16LE(18) & META) === 0 || bytes.readUInt32LE(HEADER) !== MAGIC) return undefined;
    const version = bytes.readUInt32LE(HEADER + 4) & 0xffff;
    if (version !== VERSION) throw new DamagedFileError(`it has the unknown data version ${version}`);
    const trees = HEADER + 24;
    const pageSize = bytes.readUInt32LE(trees);
    if (pageSize < 256 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
      throw new DamagedFileError(`its page size is ${pageSize} bytes`);
    }
    const lastPage = bytes.readBigUInt64LE(trees + 2 * TREE_BYTES);
    const transaction = bytes.readBigUInt64LE(trees + 2 * TREE_BYTES + 8);
    if (lastPage * BigInt(pageSize) > MAX_FILE_BYTES || transaction > MAX_TRANSACTION)
      throw new DamagedFileError('a meta page has impossible numbers');
    return {
      pageSize,
      lastPage,
      transaction,
      boot: bytes.readBigUInt64LE(trees + 2 * TREE_BYTES + 16),
      flushed: (bytes.readUInt16LE(trees + 4) & NOT_FLUSHED) === 0,
      trees: [bytes.subarray(trees, trees + TREE_BYTES), bytes.subarray(trees + TREE_BYTES, trees + 2 * TREE_BYTES)],
    };
  }

  #tree(tree: Buffer, kind: Kind): void {
    const root = tree.readBigUInt64LE(40);
    const depth = tree.readUInt16LE(6);
    const entries = tree.readBigUInt64LE(32);
    if (root === NO_PAGE) {
      if (entries > 0n) throw new DamagedFileError(`a tree with ${entries} entries has no pages`);
      return;
    }
    if (depth < 1 || depth > MAX_DEPTH) throw new DamagedFileError(`a tree has ${depth} levels`);
    const found = this.#page(root, depth, kind);
    if (kind === 'named' && BigInt(found) !== entries)
      throw new DamagedFileError(`the tree at page ${root} has ${found} entries instead of ${entries}`);
  }

  /**
   * @param level 1: a leaf.
   * @returns the number of entries in the leaves that it has read.
   */
  #page(number: bigint, level: number, kind: Kind): number {
    if (level === 1 && !this.#reads(kind)) {
      this.#mustExist(number);
      return 0;
    }
    const page = this.#pageAt(number);
    const flags = page.readUInt16LE(18);
    if ((flags & (BRANCH | LEAF)) !== (level > 1 ? BRANCH : LEAF)) {
      throw new DamagedFileError(`page ${number} has the wrong type`);
    }
    let entries = 0;
    for (const at of this.#nodes(page, number)) {
      if (level > 1) entries += this.#page(childOf(page, at), level - 1, kind);
      else {
        this.#leafNode(page, at, number, kind);
        entries += 1;
      }
    }
    return entries;
  }

  /** Whether the leaves of a tree are read. */
  #reads(kind: Kind): boolean {
    return this.#leaves || kind !== 'data';
  }

  *#nodes(page: Buffer, number: bigint): Generator<number> {
    const lower = page.readUInt16LE(20);
    if (lower % 2 !== 0 || HEADER + lower > this.#pageSize) {
      throw new DamagedFileError(`page ${number} has too many entries`);
    }
    for (let i = 0; i < lower / 2; i++) {
      const at = HEADER + page.readUInt16LE(HEADER + 2 * i);
      if (at < HEADER + lower || at + NODE > this.#pageSize || at + NODE + page.readUInt16LE(at + 6) > this.#pageSize) {
        throw new DamagedFileError(`page ${number} has an entry outside of it`);
      }
      yield at;
    }
  }

  #leafNode(page: Buffer, at: number, number: bigint, kind: Kind): void {
    const flags = page.readUInt16LE(at + 4);
    const data = at + NODE + page.readUInt16LE(at + 6);
    const inPage = (flags & BIG_DATA) !== 0 ? 8 : page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 65_536;
    if (data + inPage > this.#pageSize) throw new DamagedFileError(`page ${number} has a value outside of it`);
    if ((flags & BIG_DATA) !== 0) this.#overflow(page.readBigUInt64LE(data), kind);
    else if ((flags & SUB_TREE) !== 0 && (flags & DUPLICATES) === 0 && kind === 'named') {
      this.#tree(page.subarray(data, data + TREE_BYTES), 'data');
    }
  }

  #overflow(number: bigint, kind: Kind): void {
    this.#mustExist(number);
    if (!this.#reads(kind)) return;
    const page = this.#pageAt(number);
    if ((page.readUInt16LE(18) & OVERFLOW) === 0) {
      throw new DamagedFileError(`page ${number} has the wrong type`);
    }
    this.#mustExist(number + BigInt(page.readUInt32LE(20)) - 1n);
  }

  #mustExist(number: bigint): void {
    if ((number + 1n) * BigInt(this.#pageSize) > BigInt(this.#size))
      throw new DamagedFileError(`it ends after ${this.#size} bytes, before its page ${number}`);
    if (number > this.#lastPage)
      throw new DamagedFileError(`page ${number} lies behind its last page ${this.#lastPage}`);
  }

  #pageAt(number: bigint): Buffer {
    this.#mustExist(number);
    const page = this.#read(Number(number) * this.#pageSize, this.#pageSize);
    if (!page || page.readBigUInt64LE(0) !== number)
      throw new DamagedFileError(`page ${number} is at the wrong position`);
    this.#pages++;
    return page;
  }

  #read(at: number, bytes: number): Buffer | undefined {
    const content = Buffer.alloc(bytes);
    return readSync(this.#file, content, 0, bytes, at) === bytes ? content : undefined;
  }
}

/**
 * Which of two meta pages LMDB uses (`mdb_pick_meta`): the newer one, unless its transaction may have been lost in a
 * power failure. It was not if it is flushed, or of the current boot.
 */
function used(a: Meta, b: Meta, boot: bigint | undefined): Meta {
  if (b.transaction === 0n) return a;
  const [older, newer] = b.transaction > a.transaction ? [a, b] : [b, a];
  return newer.flushed || boot === undefined || newer.boot === boot ? newer : older;
}

/** As LMDB reads it: the first digits of the identifier, up to the first hyphen. Undefined on other systems than Linux. */
function bootOfSystem(): bigint | undefined {
  try {
    const [digits = ''] = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-');
    return BigInt(`0x${digits}`);
  } catch {
    return undefined;
  }
}

/** The page number in a node of a branch. */
const childOf = (page: Buffer, at: number): bigint =>
  BigInt(page.readUInt16LE(at)) |
  (BigInt(page.readUInt16LE(at + 2)) << 16n) |
  (BigInt(page.readUInt16LE(at + 4)) << 32n);
