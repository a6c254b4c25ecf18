import type { Container, ContainerDriver, ContainerSpec } from './ContainerDriver.js';

/** The driver, made to start at most `limit` containers at a time; the others wait, in their order. 0: no limit. */
export function limitStarts(driver: ContainerDriver, limit: number): ContainerDriver {
  if (limit === 0) return driver;
  const waiting: (() => void)[] = [];
  let starting = 0;
  const create = async (spec: ContainerSpec): Promise<Container> => {
    if (starting >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else starting++;
    try {
      return await driver.create(spec);
    } finally {
      // The place goes straight to the next one.
      const next = waiting.shift();
      if (next) next();
      else starting--;
    }
  };
  return { name: driver.name, removeLeftovers: () => driver.removeLeftovers(), create, close: () => driver.close() };
}
