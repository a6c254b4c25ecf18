import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { detectDocker, type Detection } from '../../invoker/containers/docker/detect.js';
import { ensureImage } from '../../invoker/runtimes/image/build.js';
import { recipeOf } from '../../invoker/runtimes/image/recipes.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';

const START_MS = 60_000;

/**
 * A Docker Engine with the image of the Node.js runtime, or other images of ours, for the tests that need them. Where `install` is set and none
 * answers, root gets Debian's packages and starts one (which stays). The Debian way, since no other is promised.
 * @returns why there is none, where there is none
 */
export async function ensureDocker(options: {
  readonly install: boolean;
  readonly images?: readonly string[];
}): Promise<Detection> {
  let detected = await detectDocker();
  if (options.install && !isProgram('bwrap')) installEngine();
  if (!detected.usable && options.install) {
    const failure = installEngine() ?? (await startEngine());
    detected = failure === undefined ? await detectDocker() : { usable: false, reason: failure };
  }
  if (!detected.usable) return detected;
  for (const reference of options.images ?? [RUNTIME_IMAGE]) {
    const recipe = recipeOf(reference);
    if (recipe) await ensureImage(detected.docker, recipe);
  }
  return detected;
}

/** @returns what went wrong */
function installEngine(): string | undefined {
  if (process.getuid?.() !== 0) return 'no Docker daemon answers, and only root can install and start one';
  if (isProgram('dockerd') && isProgram('iptables') && isProgram('bwrap')) return undefined;
  if (!isProgram('apt-get')) return 'there is no dockerd, and no apt-get to install it with';
  // The packages' scripts must not start the daemon: it is started here, with its own log.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const packages = ['docker.io', 'iptables', 'ca-certificates', 'bubblewrap'];
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const { status, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8', timeout: 300_000 });
    if (status !== 0) return `apt-get ${args.join(' ')} failed:\n${stderr}`;
  }
  return undefined;
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
