import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { tar } from '../../runtimes/image/tar.js';
import { engineCall } from './engineCall.js';

/** The image of the containers that hold network namespaces: one program of some hundred bytes. */
export const HOLDER_IMAGE = 'palette-whisk/network-holder:1';

const PROGRAM = '/hold';
/** The names of the engine's architectures, as `docker info` reports them, by those of ELF. */
const MACHINES: Readonly<Record<string, Machine>> = {
  x86_64: {
    elf: 62,
    // mov eax, 34 (pause); syscall; jmp back
    code: Buffer.from('b8220000000f05ebf7', 'hex'),
  },
  aarch64: {
    elf: 183,
    // x0 to x3 = 0; x8 = 73 (ppoll without a limit); svc 0; b back
    code: Buffer.from('000080d2010080d2020080d2030080d2280980d2010000d4faffff17', 'hex'),
  },
};

interface Machine {
  /** The machine in the ELF header (`e_machine`). */
  readonly elf: number;
  /** Instructions that wait for ever. They do not depend on their address. */
  readonly code: Buffer;
}

/**
 * Makes sure that the engine has the image of network holders. It is imported, so it needs no registry.
 * @param callMs the limit for the whole import.
 * @throws Error if this version has no program for the engine's processors; the error of the engine.
 */
export async function ensureHolderImage(docker: Docker, callMs: number): Promise<void> {
  const { RepoTags: tags } = await engineCall('the request for an image', callMs, inspect(docker));
  if (tags.includes(HOLDER_IMAGE)) return;
  const info: unknown = await engineCall('the request for information', callMs, docker.info());
  const entries = [
    { type: 'file', path: PROGRAM, mode: 0o755, data: holderProgram(architectureOf(info)) },
    // The engine mounts its own files over these folders' files.
    { type: 'folder', path: '/etc' },
  ] as const;
  const [repo, tag] = HOLDER_IMAGE.split(':');
  const stream = await engineCall(
    'the import of an image',
    callMs,
    docker.importImage(Readable.from(tar(entries), { objectMode: false }), {
      repo,
      tag,
      changes: [`CMD ["${PROGRAM}"]`, 'USER 65534:65534'],
    }),
  );
  const done = new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
  await engineCall('the import of an image', callMs, done);
}

async function inspect(docker: Docker): Promise<{ RepoTags: readonly string[] }> {
  try {
    return { RepoTags: (await docker.getImage(HOLDER_IMAGE).inspect()).RepoTags };
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return { RepoTags: [] };
    throw error;
  }
}

function architectureOf(info: unknown): string {
  return typeof info === 'object' && info !== null && 'Architecture' in info ? String(info.Architecture) : 'unknown';
}

/**
 * A static program that waits until it is killed, as a little-endian ELF file of 64 bits with one loaded segment.
 * @throws Error for an unknown architecture
 */
function holderProgram(architecture: string): Buffer {
  const machine = MACHINES[architecture];
  if (!machine) throw new Error(`there is no network holder for processors of type '${architecture}'`);
  const [headerBytes, segmentBytes, base] = [64, 56, 0x400000];
  const begin = headerBytes + segmentBytes;
  const file = Buffer.alloc(begin + machine.code.length);
  Buffer.from('7f454c46020101', 'hex').copy(file);
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(machine.elf, 18);
  file.writeUInt32LE(1, 20); // the version
  file.writeBigUInt64LE(BigInt(base + begin), 24); // where it begins
  file.writeBigUInt64LE(BigInt(headerBytes), 32); // where the segments are listed
  file.writeUInt16LE(headerBytes, 52);
  file.writeUInt16LE(segmentBytes, 54);
  file.writeUInt16LE(1, 56); // one segment
  file.writeUInt32LE(1, headerBytes); // to be loaded
  file.writeUInt32LE(5, headerBytes + 4); // readable and executable
  file.writeBigUInt64LE(BigInt(base), headerBytes + 16);
  file.writeBigUInt64LE(BigInt(base), headerBytes + 24);
  file.writeBigUInt64LE(BigInt(file.length), headerBytes + 32);
  file.writeBigUInt64LE(BigInt(file.length), headerBytes + 40);
  file.writeBigUInt64LE(0x10000n, headerBytes + 48); // alignment: the largest page of aarch64
  machine.code.copy(file, begin);
  return file;
}
