import { messageOf } from '../../shared/errors/reasons.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { Lifecycle } from '../../shared/process/Lifecycle.js';
import type { Acceptor } from './Acceptor.js';
import { ControllerProcess, type ControllerProcessParts } from './ControllerProcess.js';
import type { ControllerProcessConfig } from './controllerMessages.js';

/** The controllers of the server: one in this process, or several in processes of their own. */
export interface RunningControllers {
  /** The homes of the objects of a color; undefined: the namespace does not exist, or objects are off. */
  homes(namespace: string, color: string, policy: string | undefined): Promise<HomesReply | undefined>;
  /** All invokers that share objects; undefined: not all are known, or objects are off. */
  invokers(): Promise<InvokersReply | undefined>;
  /** Serves requests. To be called when all invokers run. */
  serve(): Promise<void>;
  /** Takes no more requests. Resolves when those under way and accepted work have ended, at the latest after `limitMs`. */
  drain(limitMs: number): Promise<void>;
}

export interface ControllerProcessesParts extends Omit<
  ControllerProcessParts,
  'config' | 'onDeath' | 'setAllInService'
> {
  readonly config: Omit<ControllerProcessConfig, 'debug' | 'tells' | 'instance'>;
}

/** Starts `--controllers` controllers in processes of their own behind one acceptor. */
export async function startControllers(
  life: Pick<Lifecycle, 'opened'>,
  acceptor: Acceptor,
  { config, ...parts }: ControllerProcessesParts,
  onDeath: (error: Error) => void,
): Promise<RunningControllers> {
  const { controllers: count, invokers } = config.options;
  const started = new Set<ControllerProcess>();
  const setAllInService = async (on: boolean): Promise<void> => {
    const switched = await Promise.allSettled([...started].map((one) => one.setInService(on)));
    const failures = switched.flatMap((one) => (one.status === 'rejected' ? [messageOf(one.reason)] : []));
    if (failures.length > 0) throw new Error(`${failures.join('; ')}: all others are switched, try again`);
  };
  const all = await Promise.all(
    Array.from({ length: count }, async (_, instance) => {
      const one = await ControllerProcess.start({
        ...parts,
        setAllInService,
        config: { ...config, instance },
        onDeath,
      });
      started.add(one);
      life.opened(`controller${instance}`, () => one.close());
      return one;
    }),
  );
  return {
    homes: async (namespace, color, policy) => all[0]?.homes(namespace, color, policy),
    invokers: async () => all[0]?.invokers(),
    async serve() {
      await Promise.all(all.map((one) => one.serve(invokers, count)));
      acceptor.handTo(all);
    },
    async drain(limitMs) {
      acceptor.close();
      await Promise.all(all.map((one) => one.drain(limitMs)));
    },
  };
}
