import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { codeOf } from '../../../shared/errors/reasons.js';
import { runNpm, type Npm } from './npm.js';

/** The versions of Node.js for which npm brings a binary that the runtime supports. */
export const NODE_MAJORS: readonly number[] = [20, 22, 24];

/** The version in a kind such as `nodejs:22`; undefined for other kinds. */
export function nodeMajor(kind: string): number | undefined {
  const digits = /^nodejs:(\d+)$/.exec(kind)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** A binary of Node.js. */
export interface NodeBinary {
  readonly program: string;
  /** Such as `v22.1.0`. */
  readonly version: string;
}

export interface NodeBinariesParts {
  /** The binaries are kept here, for all servers of this user. */
  readonly folder: string;
  readonly platform: NodeJS.Platform;
  readonly architecture: string;
  /** The Node.js of this process. */
  readonly host: NodeBinary;
  readonly npm: Npm;
  /** Called once if a download takes long, and at its end. */
  readonly progress: (text: string) => void;
}

/** The time after which a download is announced, in ms. */
const SLOW_MS = 2000;
const DOWNLOAD_MS = 600_000;
/** A busy machine takes long to start npm; an action is not refused because of that. */
const ASK_MS = 60_000;
/** The record of a download, beside the binary. */
const RECORD = 'palette-whisk.json';
const recordSchema = z.object({ version: z.string(), sha256: z.string() });

/**
 * The binaries of Node.js on which actions run: this process's own, or those of npm's packages `node-OS-ARCHITECTURE`. npm
 * downloads them with the user's configuration (registry, proxy) and checks their integrity. Each is kept with its hash.
 */
export class NodeBinaries {
  readonly #parts: NodeBinariesParts;
  readonly #found = new Map<number, Promise<NodeBinary>>();
  /** The question whether npm has its packages, for all versions. */
  #asked: Promise<void> | undefined;

  constructor(parts: NodeBinariesParts) {
    this.#parts = parts;
  }

  /** Why actions cannot run on a version, with the remedy; undefined if they can. Downloads nothing. */
  async missing(major: number): Promise<string | undefined> {
    if (!NODE_MAJORS.includes(major) && major !== majorOf(this.#parts.host.version)) return this.#unsupported(major);
    if (this.#isHost(major) || existsSync(join(this.#place(major), RECORD))) return undefined;
    try {
      await (this.#asked ??= this.#parts.npm(['view', this.#name(), 'dist-tags'], { limitMs: ASK_MS }));
      return undefined;
    } catch (error) {
      this.#asked = undefined;
      return this.#refusal(major, error);
    }
  }

  /**
   * The binary of a version. Downloads it if it is not here.
   * @throws Error with the reason and the remedy
   */
  get(major: number): Promise<NodeBinary> {
    if (this.#isHost(major)) return Promise.resolve(this.#parts.host);
    let found = this.#found.get(major);
    if (!found) {
      found = this.#kept(major).then((kept) => kept ?? this.#download(major));
      this.#found.set(major, found);
      found.catch(() => this.#found.delete(major));
    }
    return found;
  }

  #isHost(major: number): boolean {
    return majorOf(this.#parts.host.version) === major;
  }

  #place(major: number): string {
    return join(this.#parts.folder, `${this.#name()}-${major}`);
  }

  #name(): string {
    const { platform, architecture } = this.#parts;
    return `node-${platform === 'win32' ? 'win' : platform}-${architecture}`;
  }

  #package(major: number): string {
    return `${this.#name()}@${major}`;
  }

  #unsupported(major: number): string {
    return `Node.js ${major} is not supported; without OpenWhisk's images, the kinds nodejs:${NODE_MAJORS.join(', :')} are`;
  }

  /** The binary of an earlier download; undefined if it is missing or damaged. */
  async #kept(major: number): Promise<NodeBinary | undefined> {
    const place = this.#place(major);
    try {
      const { version, sha256 } = recordSchema.parse(JSON.parse(await readFile(join(place, RECORD), 'utf8')));
      const program = join(place, 'bin', 'node');
      if ((await hashOf(program)) === sha256) return { program, version };
      this.#parts.progress(`${program} has changed since its download: it is downloaded again`);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && !existsSync(place)) return undefined;
    }
    return undefined;
  }

  async #download(major: number): Promise<NodeBinary> {
    if (!NODE_MAJORS.includes(major)) throw new Error(this.#unsupported(major));
    const { folder, npm, progress } = this.#parts;
    await mkdir(folder, { recursive: true });
    const work = await mkdtemp(join(folder, '.download-'));
    const start = performance.now();
    let slow = false;
    const timer = setTimeout(() => {
      slow = true;
      progress(`downloading Node.js ${major} for actions (about 50 MB) to ${folder}`);
    }, SLOW_MS);
    try {
      const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
      await npm(['install', '--prefix', work, ...options, this.#package(major)], { limitMs: DOWNLOAD_MS });
      const made = join(work, 'node_modules', this.#name());
      const manifest: unknown = JSON.parse(await readFile(join(made, 'package.json'), 'utf8'));
      const { version } = z.object({ version: z.string() }).parse(manifest);
      const record = { version: `v${version}`, sha256: await hashOf(join(made, 'bin', 'node')) };
      await writeFile(join(made, RECORD), JSON.stringify(record));
      await this.#keep(made, this.#place(major), work);
      if (slow) progress(`downloaded Node.js ${version} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
      return { program: join(this.#place(major), 'bin', 'node'), version: record.version };
    } catch (error) {
      throw new Error(this.#refusal(major, error), { cause: error });
    } finally {
      clearTimeout(timer);
      await rm(work, { recursive: true, force: true });
    }
  }

  /** Another process may have kept the same version meanwhile. */
  async #keep(made: string, place: string, work: string): Promise<void> {
    await rename(place, join(work, 'damaged')).catch(() => undefined);
    await rename(made, place).catch((error: unknown) => {
      if (!existsSync(join(place, RECORD))) throw error;
    });
  }

  #refusal(major: number, error: unknown): string {
    const said = error instanceof Error ? error.message : String(error);
    return (
      `Node.js ${major} is not here and cannot be downloaded (${said}): let npm reach its registry ` +
      `(\`npm view ${this.#package(major)}\` must work), or use nodejs:${majorOf(this.#parts.host.version)}`
    );
  }
}

const majorOf = (version: string): number => Number(/^v(\d+)\./.exec(version)?.[1]);

/** The SHA-256 of a file, in hex. */
async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** The binaries for this machine, kept in the user's cache. */
export function nodeBinaries(progress: (text: string) => void = () => undefined): NodeBinaries {
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return new NodeBinaries({
    folder: join(caches, 'palette-whisk', 'node'),
    platform: process.platform,
    architecture: process.arch,
    host: { program: process.execPath, version: process.version },
    npm: runNpm,
    progress,
  });
}
