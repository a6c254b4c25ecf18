import type { InvokerHealth } from '../../loadbalancer/LoadBalancer.js';

/** An invoker's name in lists: `invoker0/host`. */
function invokerName({ instance }: InvokerHealth): string {
  return ['invoker' + String(instance.instance), instance.uniqueName, instance.displayedName]
    .filter((part) => part !== undefined)
    .join('/');
}

/** The state of each invoker, by its name. */
export function invokerStates(invokers: readonly InvokerHealth[]): Record<string, string> {
  return Object.fromEntries(invokers.map((invoker) => [invokerName(invoker), invoker.status]));
}

export function healthyCount(invokers: readonly InvokerHealth[]): number {
  return invokers.filter(({ status }) => status === 'up').length;
}

/** Whether the controller is ready for requests: at least `fraction` of the invokers, and at least one, are up. */
export function isReady(invokers: readonly InvokerHealth[], fraction: number): boolean {
  return invokers.length > 0 && healthyCount(invokers) / invokers.length >= fraction;
}
