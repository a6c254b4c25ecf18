import { Gauge } from 'prom-client';
import { builtElsewhere } from './standIns.js';
import type { Lifecycle } from '../../shared/process/Lifecycle.js';
import type { ChosenContainers } from './containers.js';
import { InvokerThread, type InvokerThreadParts } from './InvokerThread.js';
import type { InvokerThreadConfig } from './threadMessages.js';

export interface InvokerThreadsParts
  extends
    Omit<InvokerThreadParts, 'config' | 'images' | 'onDeath' | 'file'>,
    Pick<InvokerThreadConfig, 'options' | 'dataFolder' | 'apiHost' | 'objectsSecret'> {
  readonly containers: Pick<ChosenContainers, 'kind' | 'images'>;
}

/** Starts each invoker in a thread of its own, one after the other. */
export async function startInvokerThreads(
  life: Pick<Lifecycle, 'opened'>,
  { containers, options, dataFolder, apiHost, objectsSecret, ...parts }: InvokerThreadsParts,
  onDeath: (error: Error) => void,
): Promise<void> {
  const threads = new Map<string, InvokerThread>();
  for (let instance = 0; instance < options.invokers; instance++) {
    const config = { instance, options, dataFolder, apiHost, objectsSecret, driver: containers.kind };
    const images = containers.images ?? builtElsewhere('this driver has no images');
    const thread = await InvokerThread.start({ ...parts, config, images, onDeath });
    const name = `invoker${instance}`;
    life.opened(name, () => thread.stop());
    threads.set(name, thread);
  }
  parts.registry.registerMetric(
    new Gauge({
      name: 'thread_busy_seconds',
      help: 'Time in which the event loop of a thread was busy',
      labelNames: ['thread'],
      registers: [],
      collect() {
        this.set({ thread: 'main' }, performance.eventLoopUtilization().active / 1000);
        for (const [thread, each] of threads) this.set({ thread }, each.busySeconds());
      },
    }),
  );
}
