import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ContainerDriver } from '../../invoker/containers/ContainerDriver.js';
import { ContainerStartError } from '../../invoker/containers/ContainerDriver.js';
import { processProbe } from '../../invoker/containers/process/probeKind.js';
import { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
import { detectSandbox } from '../../invoker/containers/process/sandbox.js';
import { environment, type Environment } from '../../shared/config/environment.js';
import { INVOKER_SETTINGS } from '../../shared/config/invokerConfig.js';
import { readSettings } from '../../shared/config/Setting.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { hideEnvironment } from '../../shared/process/hideEnvironment.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import type { KindProbe } from '../../shared/runtimes/KindAvailability.js';
import { LOCAL_IMAGE_PREFIX, type Runtimes } from '../../shared/runtimes/manifest.js';
import { UsageError } from './options.js';
import { stderrOf } from '../../shared/errors/reasons.js';

export interface ChosenContainers {
  readonly kind: 'docker' | 'sandbox' | 'process';
  /** The reason for this choice, for the user. */
  readonly reason: string;
  /** The address of this machine for containers; undefined if they share its loopback interface. */
  readonly gateway: string | undefined;
  /** Settles when the build of the Node.js runtime's image has succeeded or failed. */
  readonly image: Promise<void>;
  /** Checks whether actions of a kind can run. */
  readonly probe: KindProbe;
  /** Makes a driver for one invoker. `owner` identifies its containers. */
  driver(owner: string): ContainerDriver;
}

/**
 * Chooses the requested driver, or else the first usable one: Docker, sandboxed processes, processes without isolation.
 * Loads dockerode only for Docker.
 * @param runtimes the kinds of actions. If one of them uses the Node.js runtime's image, the image is built.
 * @throws UsageError if the requested driver is not usable.
 */
export async function chooseContainers(
  wanted: 'docker' | 'sandbox' | 'process' | undefined,
  log: Logger,
  runtimes: Pick<Runtimes, 'kinds'>,
  { network: networkName, extraHosts, diskBytes }: ContainerSettings = containerSettings(environment()),
): Promise<ChosenContainers> {
  if (wanted === 'process') return processes('asked for with --process; they isolate nothing', false, log);
  if (wanted === 'sandbox') {
    const sandbox = await detectSandbox();
    if (!sandbox.usable) throw new UsageError(`--sandbox is not possible: ${sandbox.reason}`);
    return processes('asked for with --sandbox; bubblewrap isolates them', true, log);
  }
  const { detectDocker } = await import('../../invoker/containers/docker/detect.js');
  const found = await detectDocker();
  if (!found.usable) {
    if (wanted === 'docker') throw new UsageError(`--docker is not possible: ${found.reason}`);
    const sandbox = await detectSandbox();
    return sandbox.usable
      ? processes(`${found.reason}; bubblewrap isolates processes`, true, log)
      : processes(`${found.reason}, and ${sandbox.reason}; processes isolate nothing`, false, log);
  }
  const { DockerDriver } = await import('../../invoker/containers/docker/DockerDriver.js');
  const { actionNetwork, warnOfOpenNetwork } = await import('../../invoker/containers/docker/network.js');
  const { dockerProbe } = await import('../../invoker/containers/docker/probeKind.js');
  const { docker, reach } = found;
  const network = await actionNetwork(docker, networkName).catch((error: Error) => {
    throw new UsageError(error.message);
  });
  warnOfOpenNetwork(network, log);
  const image = namesRuntimeImage(runtimes) ? runtimeImage(log) : Promise.resolve();
  image.catch(() => {
    // The first container that needs the image reports the error.
  });
  return {
    kind: 'docker',
    reason: `Docker Engine ${found.version}${wanted ? ', asked for with --docker' : ' answers'}`,
    gateway: reach === 'address' ? network.gateway : undefined,
    image,
    probe: dockerProbe(docker, LOCAL_IMAGE_PREFIX, image),
    driver: (owner) =>
      afterImage(
        new DockerDriver({
          docker,
          logger: log.component('docker'),
          owner,
          reach,
          network: network.name,
          extraHosts,
          diskBytes: found.limitsDisk ? diskBytes : 0,
        }),
        image,
      ),
  };
}

function processes(reason: string, sandbox: boolean, log: Logger): ChosenContainers {
  // Actions may read the system's information about other processes of their user.
  if (!sandbox) hideEnvironment();
  return {
    kind: sandbox ? 'sandbox' : 'process',
    reason,
    gateway: undefined,
    image: Promise.resolve(),
    probe: processProbe,
    driver: (owner) => new ProcessDriver({ logger: log.component('process'), owner, sandbox }),
  };
}

/** Whether a kind uses the image of the Node.js runtime. */
export const namesRuntimeImage = ({ kinds }: Pick<Runtimes, 'kinds'>): boolean =>
  [...kinds.values()].some(({ reference }) => reference === RUNTIME_IMAGE);

/** The limit for the build of the runtime's image, in ms. */
const BUILD_MS = 600_000;

/**
 * Builds a missing or outdated image of the Node.js runtime. It runs in another process, since it reads the whole of
 * node into memory.
 */
async function runtimeImage(log: Logger): Promise<void> {
  // Run the sources with this process's loader (`npm run dev`), or the compiled file.
  const source = import.meta.url.endsWith('.ts');
  const build = fileURLToPath(new URL(`../../invoker/runtimes/main.${source ? 'ts' : 'js'}`, import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...(source ? process.execArgv : []), build], {
      timeout: BUILD_MS,
    });
    log.component('runtimes').info(stdout.trim());
  } catch (error) {
    throw new ContainerStartError(stderrOf(error) || `the runtime's image cannot be built: ${String(error)}`, {
      imageFault: true,
      cause: error,
    });
  }
}

/** Wraps a driver: containers of the Node.js runtime's image wait for its build. */
function afterImage(driver: ContainerDriver, image: Promise<void>): ContainerDriver {
  return {
    name: driver.name,
    removeLeftovers: () => driver.removeLeftovers(),
    create: async (spec) => {
      if (spec.image.reference === RUNTIME_IMAGE) await image;
      return driver.create(spec);
    },
    close: () => driver.close(),
  };
}

/** The invoker's settings that apply to the containers of a standalone server. */
export interface ContainerSettings {
  readonly network: string;
  readonly extraHosts: readonly string[];
  readonly diskBytes: number;
}

/** @throws ConfigurationError */
function containerSettings(variables: Environment): ContainerSettings {
  const { dockerNetwork, extraHosts, diskLimit } = INVOKER_SETTINGS;
  const values = readSettings({ dockerNetwork, extraHosts, diskLimit }, variables);
  return { network: values.dockerNetwork, extraHosts: values.extraHosts, diskBytes: values.diskLimit };
}

/**
 * Refuses to accept requests from other machines if actions run without isolation.
 * @throws UsageError
 */
export function requireIsolation(
  { kind }: Pick<ChosenContainers, 'kind'>,
  { host, acceptsNoIsolation }: { readonly host: string; readonly acceptsNoIsolation: boolean },
): void {
  if (kind !== 'process' || acceptsNoIsolation || isLoopback(host)) return;
  throw new UsageError(
    `--host ${host} accepts requests from other machines, and plain processes isolate nothing: use --docker or ` +
      '--sandbox, or add --i-know-processes-isolate-nothing to let every user with a key read and write everything ' +
      'that this user may',
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
