import type { Detection } from '../../invoker/containers/docker/detect.js';
import type { ContainerDriver } from '../../invoker/containers/ContainerDriver.js';
import type { LocalImages } from '../../invoker/containers/docker/LocalImages.js';
import type { detectSandbox } from '../../invoker/containers/process/sandbox.js';
import { usableArgs } from '../../invoker/containers/docker/extraArgs.js';
import { limitStarts } from '../../invoker/containers/limitStarts.js';
import { containerArgs } from '../../shared/config/containerArgs.js';
import { environment } from '../../shared/config/environment.js';
import { DOCKER_SETTINGS, dockerConfig, type DockerConfig } from '../../shared/config/invokerConfig.js';
import { readSettings } from '../../shared/config/Setting.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { hideEnvironment } from '../../shared/process/hideEnvironment.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import type { KindProbe } from '../../shared/runtimes/KindAvailability.js';
import { LOCAL_IMAGE_PREFIX, type Runtimes } from '../../shared/runtimes/manifest.js';
import { localImages } from './localImages.js';
import { builtElsewhere, driveStandIns, probeStandIns, standIns, type StandIns } from './standIns.js';
import { UsageError } from './options.js';
import { messageOf } from '../../shared/errors/reasons.js';

const NO_PROCESSES =
  'processes as containers need Linux or macOS: start Docker Desktop and let it reach Docker Hub, or run this server in WSL';

export interface ChosenContainers {
  readonly kind: 'docker' | 'oci' | 'sandbox' | 'process';
  /** The reason for this choice, for the user. */
  readonly reason: string;
  /** The address of this machine for containers; undefined if they share its loopback interface. */
  readonly gateway: string | undefined;
  /**
   * Brings the image of the Node.js runtime up to date, if a kind uses it. A check takes more than half a second of processor
   * time in a process of its own: a server begins it when it is ready.
   */
  readonly image: () => Promise<void>;
  /** The images that are built on this machine; undefined: the driver uses none. */
  readonly images: LocalImages | undefined;
  /** Begins the build of a kind's image, if it is built here. */
  prepare(image: string): void;
  /** Checks whether actions of a kind can run. */
  readonly probe: KindProbe;
  /** Makes a driver for one invoker. `owner` identifies its containers. */
  driver(owner: string): ContainerDriver;
}

/** What the choice depends on. */
export interface ChoiceParts {
  readonly platform: NodeJS.Platform;
  readonly detect: () => Promise<Detection>;
  readonly sandbox: typeof detectSandbox;
  /** Makes the images that are built on this machine; missing: in this process. */
  readonly images?: (log: Logger) => LocalImages;
}

/** Loads the modules of a driver only if it may be used. */
const PARTS: ChoiceParts = {
  platform: process.platform,
  detect: async () => (await import('../../invoker/containers/docker/detect.js')).detectDocker(),
  sandbox: async () => (await import('../../invoker/containers/process/sandbox.js')).detectSandbox(),
};

/**
 * Chooses the requested driver, or else the first usable one: Docker, sandboxed processes, processes without isolation.
 * Where images of our runtimes cannot be built (macOS, Windows, an engine of another architecture), Docker is usable if the
 * engine has OpenWhisk's images of them or can pull these.
 * @param runtimes the kinds of actions. If one of them uses the Node.js runtime's image, the image is built.
 * @throws UsageError if the requested driver is not usable.
 */
export async function chooseContainers(
  wanted: 'docker' | 'oci' | 'sandbox' | 'process' | undefined,
  log: Logger,
  runtimes: Pick<Runtimes, 'kinds'>,
  settings: DockerConfig = dockerConfig(readSettings(DOCKER_SETTINGS, environment())),
  given: Partial<ChoiceParts> = {},
): Promise<ChosenContainers> {
  const parts: ChoiceParts = { ...PARTS, ...given };
  if (settings.gpus !== undefined && wanted !== undefined && wanted !== 'docker') {
    throw new UsageError(`CONTAINER_GPUS needs Docker: unset it, or leave out --${wanted}`);
  }
  if (wanted !== undefined && wanted !== 'docker' && parts.platform === 'win32') {
    throw new UsageError(`--${wanted} is not possible: ${NO_PROCESSES}`);
  }
  if (wanted === 'process') return processes('asked for with --process; they isolate nothing', false, log, settings);
  if (wanted === 'sandbox') {
    const sandbox = await parts.sandbox();
    if (!sandbox.usable) throw new UsageError(`--sandbox is not possible: ${sandbox.reason}`);
    return processes('asked for with --sandbox; bubblewrap isolates them', true, log, settings);
  }
  if (wanted === 'oci') return ociContainers(log, runtimes, settings, parts);
  const found = await parts.detect();
  const stand: StandIns = found.usable ? await standIns(found, runtimes) : { fault: found.reason };
  if (!found.usable || 'fault' in stand) {
    const fault = 'fault' in stand ? stand.fault : '';
    if (wanted === 'docker') throw new UsageError(`--docker is not possible: ${fault}`);
    if (settings.gpus !== undefined) throw new UsageError(`CONTAINER_GPUS needs Docker: ${fault}`);
    if (parts.platform === 'win32') {
      throw new UsageError(`actions cannot run here: ${fault}, and ${NO_PROCESSES}`);
    }
    const sandbox = await parts.sandbox();
    return sandbox.usable
      ? processes(`${fault}; bubblewrap isolates processes`, true, log, settings)
      : processes(`${fault}, and ${sandbox.reason}; processes isolate nothing`, false, log, settings);
  }
  const { actionNetwork, DockerDriver, dockerProbe, warnOfOpenNetwork } = await import('./dockerModules.js');
  const { docker, reach } = found;
  const network = await actionNetwork(docker, settings.network).catch((error: Error) => {
    throw new UsageError(error.message);
  });
  warnOfOpenNetwork(network, log);
  if (settings.gpus !== undefined) {
    const { gpuRefusal } = await import('../../invoker/containers/docker/gpus.js');
    const refusal = await gpuRefusal(docker, settings.gpus, 'standalone').catch(messageOf);
    if (refusal !== undefined) throw new UsageError(refusal);
  }
  const { parallelRuns, openFiles, diskBytes, ...rest } = settings;
  const extraArgs = usableArgs(containerArgs(environment()).extraArgs);
  const images =
    found.buildFault === undefined
      ? (parts.images ?? localImages)(log.component('runtimes'))
      : builtElsewhere(found.buildFault);
  return {
    kind: 'docker',
    reason: `Docker Engine ${found.version}${wanted ? ', asked for with --docker' : ' answers'}${stand.reason}`,
    gateway: reach === 'address' ? network.gateway : undefined,
    image: async () => (namesRuntimeImage(runtimes) ? images.ready(RUNTIME_IMAGE) : undefined),
    images,
    prepare: (reference) => {
      images.ready(reference).catch(() => {
        // The first container that needs the image reports the error.
      });
    },
    probe: probeStandIns(dockerProbe(docker, LOCAL_IMAGE_PREFIX, images), stand),
    driver: (owner) =>
      driveStandIns(
        limitStarts(
          new DockerDriver({
            ...rest,
            extraArgs,
            docker,
            images,
            logger: log.component('docker'),
            owner,
            reach,
            network: network.name,
            diskBytes: found.limitsDisk ? diskBytes : 0,
            sharesFiles: found.sharesFiles,
            ulimits: [{ name: 'nofile', soft: openFiles, hard: openFiles }],
          }),
          parallelRuns,
        ),
        stand,
      ),
  };
}

/** @throws UsageError if no OCI runtime is usable. */
async function ociContainers(
  log: Logger,
  runtimes: Pick<Runtimes, 'kinds'>,
  settings: DockerConfig,
  parts: Pick<ChoiceParts, 'images'>,
): Promise<ChosenContainers> {
  const { openOci } = await import('../../invoker/containers/oci/open.js');
  const opened = await openOci(settings, LOCAL_IMAGE_PREFIX, log);
  if (!opened.usable) throw new UsageError(`--oci is not possible: ${opened.reason}`);
  const images = (parts.images ?? localImages)(log.component('runtimes'));
  const ready = (reference: string): Promise<void> => {
    const built = images.ready(reference);
    built.catch(() => {
      // The first container that needs the image reports the error.
    });
    return built;
  };
  return {
    kind: 'oci',
    reason: `${opened.runtime}, asked for with --oci`,
    gateway: opened.gateway,
    image: async () => (namesRuntimeImage(runtimes) ? ready(RUNTIME_IMAGE) : undefined),
    images,
    prepare: (reference) => void ready(reference),
    probe: opened.probe(images),
    driver: (owner) => limitStarts(opened.driver(owner, images), settings.parallelRuns),
  };
}

async function processes(
  reason: string,
  sandbox: boolean,
  log: Logger,
  { pidsLimit, cpuShares }: DockerConfig,
): Promise<ChosenContainers> {
  const { ProcessDriver, processProbe } = await import('./processModules.js');
  // Actions may read the system's information about other processes of their user.
  if (!sandbox) hideEnvironment();
  return {
    kind: sandbox ? 'sandbox' : 'process',
    reason,
    gateway: undefined,
    image: async () => undefined,
    images: undefined,
    prepare: () => undefined,
    probe: processProbe(),
    driver: (owner) => new ProcessDriver({ logger: log.component('process'), owner, sandbox, pidsLimit, cpuShares }),
  };
}

/** Whether a kind uses the image of the Node.js runtime. */
export const namesRuntimeImage = ({ kinds }: Pick<Runtimes, 'kinds'>): boolean =>
  [...kinds.values()].some(({ reference }) => reference === RUNTIME_IMAGE);

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
