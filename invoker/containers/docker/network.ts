import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { OWNER_LABEL } from './settings.js';

/** The network that is made where none is configured. Its containers reach the outside world, but not each other. */
export const ISOLATED_NETWORK = 'palette-whisk-isolated';

/** How long another process may take to make the network, and how often it is looked for. */
const MAKING_MS = 2000;
const LOOK_MS = 100;

/** The label of what belongs to every invoker of an engine, and so stays when one of them ends. */
const SHARED = 'shared';
/** Two networks cannot have one interface: that keeps processes that start at once from making two networks of the name. */
const INTERFACE = 'palette-whisk0';
const ISOLATED = 'com.docker.network.bridge.enable_icc';

export interface ActionNetwork {
  readonly name: string;
  /** The address at which its containers reach this machine, where the engine says one. */
  readonly gateway: string | undefined;
  /** Whether its containers are kept from reaching each other. */
  readonly isolated: boolean;
}

/**
 * The network of action containers. `palette-whisk-isolated` is made where it is missing, by one of several processes
 * that start at once; any other network has to be there.
 *
 * @throws Error whose message says which network is missing or could not be made, and how to choose another one.
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
    // Another process may be making it.
    for (let waited = 0; waited < MAKING_MS; waited += LOOK_MS) {
      const made = await inspect(docker, name, callMs);
      if (made) return made;
      await sleep(LOOK_MS);
    }
    throw new Error(`the Docker network '${name}' cannot be created (${message(error)}): ${CHOOSE}`, { cause: error });
  }
  const created = await inspect(docker, name, callMs);
  if (!created) throw new Error(`the Docker network '${name}' was created and is gone again: start once more`);
  return created;
}

/** Warns where the containers of different namespaces reach each other in the network. */
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
    throw new Error(`the Docker network '${name}' cannot be looked up (${message(error)})`, { cause: error });
  }
  const { Options: options, IPAM: ipam } = networkSchema.parse(answer);
  const gateway = ipam?.Config?.map(({ Gateway }) => Gateway).find((address) => address?.includes('.'));
  return { name, gateway, isolated: options?.[ISOLATED] === 'false' };
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));
