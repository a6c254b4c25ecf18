import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../../../shared/errors/reasons.js';

/** The longest time to unpack an archive, in ms. */
const LIMIT_MS = 600_000;
const MAX_SAID = 500;

/**
 * Unpacks an archive into an empty folder, with the owners of its files by number.
 * @param archive the path of a file, compressed or not, or a stream of an uncompressed one.
 * @param implicitMode the mode of folders that the archive has no entry of, but files in; undefined: as the umask of this
 * process has it.
 * @throws Error with the reason of `tar`, or of the stream if it fails first, or that it did not end in time
 */
export async function unpackTar(
  archive: string | NodeJS.ReadableStream,
  folder: string,
  implicitMode?: number,
  limitMs = LIMIT_MS,
): Promise<void> {
  const file = typeof archive === 'string' ? archive : '-';
  const args = ['-x', '-p', '--numeric-owner', '-C', folder, '-f', file];
  // A shell sets the umask: `spawn` cannot, and a change here would concern all that this process writes meanwhile.
  const [program, ...rest] =
    implicitMode === undefined
      ? (['tar', ...args] as const)
      : (['sh', '-c', 'umask "$0" && exec tar "$@"', (0o777 & ~implicitMode).toString(8), ...args] as const);
  const child = spawn(program, rest, { stdio: ['pipe', 'ignore', 'pipe'], timeout: limitMs, killSignal: 'SIGKILL' });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-MAX_SAID)));
  // tar may stop reading before the last zeros: only its exit code tells whether it failed.
  child.stdin.on('error', () => undefined);
  // tar takes the end of its input between two files for the end of the archive, so it does not see every cut.
  let cut: Error | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0 && !cut) resolve();
      else if (child.killed) reject(new Error(`tar did not end within ${limitMs / 1000} s`));
      else reject(cut ?? new Error(`tar failed: ${said.trim()}`));
    });
  });
  const feeding = new AbortController();
  if (typeof archive === 'string') child.stdin.end();
  else {
    const { signal } = feeding;
    pipeline(archive, (source) => feed(source, child.stdin, signal), { signal }).then(
      () => child.stdin.end(),
      (error: unknown) => {
        cut = new Error(`the archive is cut off: ${messageOf(error)}`, { cause: error });
        child.stdin.destroy();
      },
    );
  }
  // Ends the stream too if tar ended first.
  await ended.finally(() => feeding.abort());
}

/** Writes a stream to a program. If the program stops reading, it waits for the signal. Rejects only if the stream fails. */
async function feed(source: AsyncIterable<string | Buffer>, stdin: Writable, signal: AbortSignal): Promise<void> {
  for await (const chunk of source) {
    const isWritten = await new Promise<boolean>((resolve) => stdin.write(chunk, (error) => resolve(!error)));
    if (!isWritten && !signal.aborted) await once(signal, 'abort');
  }
}
