import type { Authentication } from './authentication/Authentication.js';
import type { Entitlement } from './entitlement/Entitlement.js';
import type { Invocation } from './invocation/Invocation.js';
import type { LoadBalancer } from './loadbalancer/LoadBalancer.js';
import type { Limits } from '../shared/config/limits.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { ActivationStore } from '../shared/store/ActivationStore.js';
import type { EntityStore } from '../shared/store/EntityStore.js';

/** What the routes of a controller work with. Made once, when the controller is assembled. */
export interface ControllerContext {
  readonly entities: EntityStore;
  readonly activations: ActivationStore;
  readonly authentication: Authentication;
  readonly entitlement: Entitlement;
  readonly invocation: Invocation;
  readonly balancer: LoadBalancer;
  readonly limits: Limits;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Whether actions, packages and parameters shared with a caller may be run but not read. */
  readonly sharedPackagesExecuteOnly: boolean;
}
