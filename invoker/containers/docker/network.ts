import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { OWNER_LABEL } from './settings.js';
import { messageOf } from '../../../shared/errors/reasons.js';

/** The default network. Its containers reach the outside world, but not each other. */
export const ISOLATED_NETWORK = 'palette-whisk-isolated';

/** The longest wait for another process that creates the network, and the interval between checks. */
const MAKING_MS = 2000;
const LOOK_MS = 100;

/** The label of objects that all invokers of an engine share. They remain when an invoker ends. */
const SHARED = 'shared';
/**
 * The network's interface. It is unique, so processes that start at once cannot create two networks with the same name.
 */
const INTERFACE = 'palette-whisk0';
const ISOLATED = 'com.docker.network.bridge.enable_icc';

export interface ActionNetwork {
  readonly name: string;
  /** The address of this machine for its containers, if the engine names one. */
  readonly gateway: string | undefined;
  /** Whether its containers cannot reach each other. */
  readonly isolated: boolean;
}

/**
 * The network of action containers. Creates `palette-whisk-isolated` if it is missing; if several processes start at
 * once, only one of them creates it. Any other network must exist.
 *
 * @throws Error that names the missing network, or the one that could not be created, and explains how to choose
 * another.
 */
export async function actionNetwork(
  docker: Docker,
  name: string,
  callMs = ENGINE_LIMITS.callMs,
): Promise<ActionNetwork> {
  const found = await inspect(docker, name, callMs);
  if (found) return found;
  if (name !== ISOLATED_NETWORK) throw new Error(`the Docker network '${name}' does not exist: create it, ${CHOOSE}`);
  try {
    const creation = docker.createNetwork({
      Name: name,
      Driver: 'bridge',
      CheckDuplicate: true,
      Options: { [ISOLATED]: 'false', 'com.docker.network.bridge.name': INTERFACE },
      Labels: { [OWNER_LABEL]: SHARED },
    });
    await engineCall('the creation of a network', callMs, creation);
  } catch (error) {
    // Another process may have created it.
    for (let waited = 0; waited < MAKING_MS; waited += LOOK_MS) {
      const made = await inspect(docker, name, callMs);
      if (made) return made;
      await sleep(LOOK_MS);
    }
    throw new Error(`the Docker network '${name}' cannot be created (${messageOf(error)}): ${CHOOSE}`, {
      cause: error,
    });
  }
  const created = await inspect(docker, name, callMs);
  if (!created) throw new Error(`the Docker network '${name}' was removed after its creation: start again`);
  return created;
}

/** Warns if containers of different namespaces can reach each other in the network. */
export function warnOfOpenNetwork({ name, isolated }: ActionNetwork, log: Logger): void {
  if (isolated) return;
  log.warn(
    `action containers of different namespaces can reach each other in the Docker network '${name}': ` +
      `create it with -o ${ISOLATED}=false, or use the default '${ISOLATED_NETWORK}'`,
  );
}

const CHOOSE = 'or name another network in CONFIG_whisk_containerFactory_containerArgs_network';

const networkSchema = z.object({
  Options: z.record(z.string(), z.string()).nullish(),
  IPAM: z.object({ Config: z.array(z.object({ Gateway: z.string().optional() })).nullish() }).nullish(),
});

async function inspect(docker: Docker, name: string, callMs: number): Promise<ActionNetwork | undefined> {
  let answer: unknown;
  try {
    answer = await engineCall('the request for a network', callMs, docker.getNetwork(name).inspect());
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return undefined;
    throw new Error(`cannot inspect the Docker network '${name}' (${messageOf(error)})`, { cause: error });
  }
  const { Options: options, IPAM: ipam } = networkSchema.parse(answer);
  const gateway = ipam?.Config?.map(({ Gateway }) => Gateway).find((address) => address?.includes('.'));
  return { name, gateway, isolated: options?.[ISOLATED] === 'false' };
}
