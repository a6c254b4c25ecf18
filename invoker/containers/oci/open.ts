import { stat } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { KindProbe } from '../../../shared/runtimes/KindAvailability.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import { detectDocker } from '../docker/detect.js';
import { BUILT_BY_HAND, type LocalImages } from '../docker/LocalImages.js';
import { dockerProbe } from '../docker/probeKind.js';
import { detectOci, detectOciRuntime, type OciDetection, type OciProgram } from './detect.js';
import { Layout } from './images/Layout.js';
import { OciDriver, type OciSettings } from './OciDriver.js';
import { openBridge, parseSubnet } from './OciNetworks.js';
import { mappingFault } from './users.js';

export type OpenedOci =
  | {
      readonly usable: true;
      /** The check of kinds: whether a layout, the engine or a registry has the image of a kind. */
      probe(images?: LocalImages): KindProbe;
      /** For the user. */
      readonly runtime: string;
      /** The address of this machine for containers. */
      readonly gateway: string;
      /** Makes a driver for one invoker. */
      driver(owner: string, images?: LocalImages): OciDriver;
    }
  | { readonly usable: false; /** One line, for the user. */ readonly reason: string };

/** Opens the bridge of containers of an OCI runtime. Never rejects. */
export async function openOci(
  {
    ociSubnet,
    ociRuntime,
    ociLayouts: layouts,
    ociFirstUid,
    ...settings
  }: Omit<OciSettings, 'layouts' | 'firstUser'> & {
    readonly ociSubnet: string;
    readonly ociRuntime: OciProgram | undefined;
    readonly ociLayouts: readonly string[];
    readonly ociFirstUid: number;
  },
  localImagePrefix: string,
  log: Logger,
): Promise<OpenedOci> {
  const subnet = parseSubnet(ociSubnet);
  if (!subnet) {
    return { usable: false, reason: `CONTAINER_OCI_SUBNET takes a network such as 10.213.0.0/16, not '${ociSubnet}'` };
  }
  const found: OciDetection<{ readonly docker?: Docker }> =
    layouts.length === 0 ? await detectOci(ociRuntime) : await withDockerIfThere(await detectOciRuntime(ociRuntime));
  if (!found.usable) return found;
  const unmapped = ociFirstUid === 0 ? undefined : await mappingFault(ociFirstUid);
  if (unmapped !== undefined)
    log.warn(`root in a container is root of this machine, since users are not mapped: ${unmapped}`);
  const firstUser = ociFirstUid === 0 || unmapped !== undefined ? undefined : ociFirstUid;
  try {
    await openBridge(subnet);
  } catch (error) {
    return { usable: false, reason: `the network of containers cannot be made: ${messageOf(error)}` };
  }
  const { runtime, program } = found;
  const docker = 'docker' in found ? found.docker : undefined;
  return {
    usable: true,
    probe: (images = BUILT_BY_HAND) => ociProbe(layouts, docker, localImagePrefix, images),
    runtime,
    gateway: subnet.gateway,
    driver: (owner, images = BUILT_BY_HAND) =>
      new OciDriver({
        ...settings,
        layouts,
        firstUser,
        logger: log.component('oci'),
        owner,
        docker,
        program,
        images,
        subnet,
        localImagePrefix,
      }),
  };
}

/** Layouts have images; Docker may have those that they lack. */
async function withDockerIfThere(found: OciDetection): Promise<OciDetection<{ readonly docker?: Docker }>> {
  const engine = found.usable ? await detectDocker() : undefined;
  return found.usable && engine?.usable === true ? { ...found, docker: engine.docker } : found;
}

/** Archives are not looked into for this: the first container of a kind tells. */
function ociProbe(
  layouts: readonly string[],
  docker: Docker | undefined,
  localImagePrefix: string,
  images: LocalImages,
): KindProbe {
  const inEngine = docker && dockerProbe(docker, localImagePrefix, images);
  return async (kind) => {
    for (const path of layouts) {
      const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
      if (!isFolder || (await new Layout(path).find(kind.reference))) return undefined;
    }
    return inEngine ? inEngine(kind) : `no layout of CONTAINER_OCI_LAYOUTS has the image ${kind.reference}`;
  };
}
