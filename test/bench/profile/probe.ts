/*
 * Loaded into a server (`NODE_OPTIONS=--import=…`), it tells a bench what the server's processor time is spent on.
 *
 * It listens on the Unix socket `PROFILE_FOLDER/NAME.sock`, where NAME is the folder of the program: standalone, controller or
 * invoker. A line `usage` is answered by a line of `Usage`; `start` begins a profile, and `stop` ends it: the answer is the
 * path of the .cpuprofile. `mark BROKERS` notes from then on when calls pass each point of their way (`marks.ts`), and `marks`
 * is answered by what was noted. Other programs ignore the probe.
 */
import { openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { isMainThread } from 'node:worker_threads';

/** Since the start of the process, in µs. */
export interface Usage {
  /** Processor time of all threads, in programs and in the kernel. */
  readonly user: number;
  readonly system: number;
  /** Processor time of the main thread. */
  readonly mainThread: number;
  /** Time in which the event loop was not idle, and all time. */
  readonly active: number;
  readonly all: number;
  /** Resident memory in bytes. */
  readonly rss: number;
}

/** The longest time between two samples, in µs. */
const SAMPLE_US = 500;

const folder = process.env['PROFILE_FOLDER'];
const name = basename(dirname(process.argv[1] ?? ''));
if (isMainThread && folder !== undefined && ['standalone', 'controller', 'invoker'].includes(name)) listen(folder);

function listen(folder: string): void {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const content = Buffer.alloc(128);
  const session = new Session();
  session.connect();
  let profiles = 0;

  const usage = (): Usage => {
    const { user, system } = process.cpuUsage();
    const { active, idle } = performance.eventLoopUtilization();
    const length = readSync(file, content, 0, content.length, 0);
    const [nanoseconds = 0] = content.toString('latin1', 0, length).split(' ').map(Number);
    const { rss } = process.memoryUsage();
    return { user, system, mainThread: nanoseconds / 1000, active: active * 1000, all: (active + idle) * 1000, rss };
  };
  const answer = async (line: string): Promise<string> => {
    if (line === 'usage') return JSON.stringify(usage());
    if (line === 'start') {
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
      await session.post('Profiler.start');
      return 'started';
    }
    if (line.startsWith('mark')) {
      // It loads modules of the server, which only has them after its start.
      const { startMarks, takeMarks } = await import('./marks.js');
      if (line === 'marks') return JSON.stringify(takeMarks());
      startMarks(line.slice('mark '.length));
      return 'started';
    }
    const { profile } = await session.post('Profiler.stop');
    const path = join(folder, `${name}-${++profiles}.cpuprofile`);
    writeFileSync(path, JSON.stringify(profile));
    return path;
  };

  const path = join(folder, `${name}.sock`);
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    createInterface(socket).on('line', (line) => {
      answer(line).then(
        (text) => socket.write(`${text}\n`),
        (error: unknown) => socket.destroy(error instanceof Error ? error : undefined),
      );
    });
  });
  server.listen(path).unref();
}
