import { optional, type SettingValues } from './Setting.js';
import { megabytes, text } from './values.js';

/** The settings of invokers for the memory of objects. */
export const OBJECT_MEMORY_SETTINGS = {
  objectsMemory: optional(
    'CONFIG_whisk_objects_memory',
    megabytes,
    'The most memory for objects in an invoker. It is part of the user memory, and containers use what objects leave. Default: an eighth of the user memory. 0: no objects.',
  ),
  objectsHost: optional(
    'CONFIG_whisk_objects_host',
    text,
    'The address of the invoker at which its containers reach objects over TCP. Default: containers use a socket in a folder of this machine. If Docker does not share that folder, they use the address of the Docker network.',
  ),
};

/** The memory of objects. */
export interface ObjectMemoryConfig {
  /** The bound in MB; 0: no objects. */
  readonly memoryMB: number;
  /** The address for containers; undefined: see `openObjects`. */
  readonly host: string | undefined;
}

export const objectMemory = (
  { objectsMemory, objectsHost }: SettingValues<typeof OBJECT_MEMORY_SETTINGS>,
  userMemoryMB: number,
): ObjectMemoryConfig => ({ memoryMB: objectsMemory ?? Math.floor(userMemoryMB / 8), host: objectsHost });
