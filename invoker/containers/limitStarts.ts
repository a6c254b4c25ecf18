import type { ContainerDriver } from './ContainerDriver.js';
import { TaskLimit } from './TaskLimit.js';

/** Wraps a driver to start at most `limit` containers at a time; the others wait in their order. 0: no limit. */
export function limitStarts(driver: ContainerDriver, limit: number): ContainerDriver {
  if (limit === 0) return driver;
  const starts = new TaskLimit(limit);
  return {
    name: driver.name,
    removeLeftovers: () => driver.removeLeftovers(),
    create: (spec) => starts.run(() => driver.create(spec)),
    seenAt: (folder) => driver.seenAt?.(folder),
    close: () => driver.close(),
  };
}
