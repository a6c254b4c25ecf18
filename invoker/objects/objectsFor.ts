import { objectsLimitBytes } from '../../shared/config/namespaceLimits.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ContainerDriver } from '../containers/ContainerDriver.js';
import type { ObjectNamespace } from '../../shared/objects/ObjectToken.js';
import type { ReferenceParts } from './ReferenceParts.js';
import type { ObjectService } from './ObjectService.js';

const MB = 1024 * 1024;

/** What a pool of containers needs to know about objects. */
export interface ObjectsOfPool {
  /** The folder to share with each container. */
  readonly sharedFolder: string | undefined;
  readonly parts: {
    readonly environmentFor?: (user: Identity) => Readonly<Record<string, string>>;
    readonly onFreeMemory?: (freeMB: number) => void;
    readonly takeDemand?: () => number;
    readonly references?: ReferenceParts;
  };
}

const NONE: ObjectsOfPool = { sharedFolder: undefined, parts: {} };

/**
 * Starts the service of objects for the containers of a driver. An invoker works without objects, so a failure is a
 * line in the log.
 */
export async function objectsFor(
  service: ObjectService | undefined,
  driver: Pick<ContainerDriver, 'seenAt'>,
  log: Logger,
): Promise<ObjectsOfPool> {
  if (!service) return NONE;
  try {
    await service.start();
  } catch (error) {
    log.error('actions have no objects: the invoker cannot listen for them', { error });
    return NONE;
  }
  const folder = service.tcpUrl === undefined ? driver.seenAt?.(service.folder) : undefined;
  const url = service.tcpUrl ?? (folder === undefined ? undefined : service.socketUrl(folder));
  if (url === undefined) {
    log.warn('actions have no objects: containers do not see files of this machine; set CONFIG_whisk_objects_host');
  }
  return {
    sharedFolder: folder === undefined ? undefined : service.folder,
    parts: {
      onFreeMemory: (freeMB) => service.setFree(freeMB * MB),
      takeDemand: () => service.takeDemand() / MB,
      references: {
        access: service.access,
        namespace: namespaceOf,
      },
      ...(url === undefined
        ? {}
        : {
            environmentFor: (user) => ({
              __OW_OBJECTS_URL: url,
              __OW_OBJECTS_TOKEN: service.token(namespaceOf(user)),
            }),
          }),
    },
  };
}

const namespaceOf = ({ namespace: { uuid, name }, limits }: Identity): ObjectNamespace => ({
  uuid,
  name,
  limitBytes: objectsLimitBytes(limits),
});
