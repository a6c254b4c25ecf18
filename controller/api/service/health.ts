import type { InvokerHealth } from '../../loadbalancer/LoadBalancer.js';

/** An invoker as the lists of invokers name it: `invoker0/host`. */
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

/** Whether so many invokers are up that the controller may be sent requests: `fraction` of them, and at least one. */
export function isReady(invokers: readonly InvokerHealth[], fraction: number): boolean {
  return invokers.length > 0 && healthyCount(invokers) / invokers.length >= fraction;
}
