import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { detectDocker, type Detection } from '../../invoker/containers/docker/detect.js';
import { ensureImage } from '../../invoker/runtimes/image/build.js';
import { recipeOf } from '../../invoker/runtimes/image/recipes.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { retried } from '../retried.js';
import { runProgram } from '../runProgram.js';

const START_MS = 180_000;

/** The programs that tests with containers start, and the package of Debian that has each. */
const PACKAGES: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  iptables: 'iptables',
  ip: 'iproute2',
  bwrap: 'bubblewrap',
  crun: 'crun',
  runc: 'runc',
};
/** apt-get tries a download again, and waits for another apt-get. */
const APT_OPTIONS = ['-qq', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=120'];
const APT_MS = 600_000;

/**
 * A Docker Engine with the image of the Node.js runtime, or other images of ours, for the tests that need them. Where `install`
 * is set, root gets Debian's packages of the missing programs, crun and bubblewrap included, and starts an engine where none
 * answers (which stays). The Debian way, since no other is promised.
 * @returns why there is none, where there is none
 */
export async function ensureDocker(options: {
  readonly install: boolean;
  readonly images?: readonly string[];
}): Promise<Detection> {
  let detected = await detectDocker();
  if (options.install) {
    const failure = (await installPrograms(detected.usable)) ?? (detected.usable ? undefined : await startEngine());
    if (failure !== undefined) return { usable: false, reason: failure };
    if (!detected.usable) detected = await detectDocker();
  }
  if (!detected.usable) return detected;
  for (const reference of options.images ?? [RUNTIME_IMAGE]) {
    const recipe = recipeOf(reference);
    if (recipe) await ensureImage(detected.docker, recipe);
  }
  return detected;
}

/**
 * Installs what is missing of {@link PACKAGES}; `dockerd` only where no engine answers.
 * @returns what went wrong
 */
async function installPrograms(engineAnswers: boolean): Promise<string | undefined> {
  const missing = Object.keys(PACKAGES).filter((name) => !(name === 'dockerd' && engineAnswers) && !isProgram(name));
  if (missing.length === 0) return undefined;
  const names = missing.join(', ');
  if (process.getuid?.() !== 0) return `only root can install the missing programs ${names}`;
  if (!isProgram('apt-get')) return `there is no apt-get to install the missing programs ${names} with`;
  const packages = [...missing.map((name) => PACKAGES[name] ?? name), 'ca-certificates'];
  try {
    await retried(`the installation of ${packages.join(', ')}`, async () => {
      await aptGet(['update']);
      await aptGet(['install', '-y', '--no-install-recommends', ...packages]);
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @throws Error where apt-get fails, with its words */
function aptGet(args: readonly string[]): Promise<void> {
  // The packages' scripts must not start the daemon: it is started here, with its own log.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  return runProgram('apt-get', [...APT_OPTIONS, ...args], { limitMs: APT_MS, env });
}

/** @returns what went wrong */
async function startEngine(): Promise<string | undefined> {
  const log = join(tmpdir(), `palette-whisk-dockerd-${process.pid}.log`);
  const file = openSync(log, 'w');
  const daemon = spawn('dockerd', [], { detached: true, stdio: ['ignore', file, file] });
  closeSync(file);
  const ended = new Promise<string>((resolve) => {
    daemon.once('error', (error) => resolve(error.message));
    daemon.once('exit', (code) => resolve(`dockerd ended with code ${code}`));
  });
  daemon.unref();
  const late = sleep(START_MS, `dockerd did not answer in ${START_MS / 1000} s`, { ref: false });
  const failure = await Promise.race([answers(), ended, late]);
  if (failure === undefined) return undefined;
  const words = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-15).join('\n') : '';
  return `${failure}:\n${words}`;
}

/** Resolves when an engine answers; asks for as long as it may. */
async function answers(): Promise<undefined> {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(100)) {
    if ((await detectDocker()).usable) return undefined;
  }
  return new Promise(() => undefined);
}

function isProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}
