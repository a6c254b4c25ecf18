import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Set in the process that has the network for itself. */
const INSIDE = 'PALETTE_BENCH_NETWORK';
const RATE = /^\d{1,5}[kmg]bit$/;
/** The state of a listening socket in `/proc/net/tcp`. */
const LISTENS = '0A';
/** Above the size of the largest packet of the loopback device. */
const SIZES = 'burst 256kb cburst 256kb quantum 200000';

/** Whether a text is a rate as `tc` takes it, such as `1gbit`. */
export const isRate = (text: string): boolean => RATE.test(text);

/**
 * Starts this program again in a network namespace of its own, so that limits concern nobody else. The namespace ends with
 * the program.
 * @returns the exit code of that program; undefined: this process is that program.
 * @throws Error where the system does not allow it
 */
export function runInOwnNetwork(): number | undefined {
  if (process.env[INSIDE] !== undefined) return undefined;
  const args = ['--net', process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  if (error || status === null)
    throw new Error('--network needs Linux, root, and the program unshare', { cause: error });
  return status;
}

/** Makes the loopback device of the new namespace work. */
export function openOwnNetwork(): void {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
}

/**
 * Limits the object memories of a standalone server, which are the only listeners besides its API: what each of them sends,
 * and what it gets, each by the rate. An invoker that reads from several others at once may get more.
 * @throws Error if there are not so many of them
 */
export function limitInvokers(rate: string, invokers: number, apiPort: number): void {
  const ports = listeners().filter((port) => port !== apiPort);
  if (ports.length !== invokers) throw new Error(`${invokers} invokers should listen, not ${ports.length}`);
  const tc = (command: string): void => void execFileSync('tc', command.split(' '));
  tc('qdisc replace dev lo root handle 1: htb default 1');
  const addClass = (minor: number, bandwidth: string): void =>
    tc(`class replace dev lo parent 1: classid 1:${minor} htb rate ${bandwidth} ${SIZES}`);
  addClass(1, '100gbit');
  ports.forEach((port, i) => {
    for (const [minor, side] of [
      [10 + i, 'sport'],
      [100 + i, 'dport'],
    ] as const) {
      addClass(minor, rate);
      const match = `u32 match ip ${side} ${port} 0xffff`;
      tc(`filter add dev lo parent 1: protocol ip prio 1 ${match} flowid 1:${minor}`);
    }
  });
}

/** The ports at which this network namespace has listeners. */
function listeners(): number[] {
  const ports = ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state] = line.trim().split(/\s+/);
        return state === LISTENS ? [Number.parseInt(local.split(':').at(-1) ?? '', 16)] : [];
      }),
  );
  return [...new Set(ports)];
}
