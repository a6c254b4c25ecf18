import type { Authentication } from '../authentication/Authentication.js';
import type { Entitlement } from '../entitlement/Entitlement.js';
import type { Bodies } from '../http/Bodies.js';
import type { Journal } from '../invocation/Journal.js';
import type { Invocation } from '../invocation/Invocation.js';
import type { ColorMistakes } from '../loadbalancer/ColorMistakes.js';
import type { Colors } from '../loadbalancer/Colors.js';
import type { LoadBalancer } from '../loadbalancer/LoadBalancer.js';
import type { ObjectPeers } from '../objects/ObjectPeers.js';
import type { Explain } from '../refusals/refusals.js';
import type { OperatorPolicy } from '../../shared/access/operators.js';
import type { Limits } from '../../shared/config/limits.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ParameterLock } from '../../shared/parameters/encryption.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import type { EntityStore } from '../../shared/store/EntityStore.js';

/** The build of the running controller. */
export interface Build {
  readonly number: string;
  /** ISO 8601. */
  readonly date: string;
  /** The version of palette-whisk. */
  readonly version: string;
}

/** The parts that the routes of a controller need. Made once, when the controller is assembled. */
export interface ControllerContext {
  readonly entities: EntityStore;
  /** Reads the bodies of requests. */
  readonly bodies: Bodies;
  readonly activations: ActivationStore;
  readonly authentication: Authentication;
  readonly entitlement: Entitlement;
  readonly invocation: Invocation;
  readonly balancer: LoadBalancer;
  /** Takes all controllers of this server out of service, or into it. @throws if one does not answer in time. */
  readonly setInService: (on: boolean) => Promise<void>;
  readonly runtimes: Runtimes;
  /** Why actions of a kind cannot run on this platform; undefined if they can run or if it is unknown. */
  readonly unavailable?: ((kind: string) => Promise<string | undefined>) | undefined;
  readonly limits: Limits;
  /** Encrypts parameters on their way into the store. */
  readonly parameterLock: ParameterLock;
  /** Turns errors into messages for the records of triggers and alarms. */
  readonly explain: Explain;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Whether actions, packages and parameters shared with a caller may be run but not read. */
  readonly sharedPackagesExecuteOnly: boolean;
  readonly journal: Pick<Journal, 'accept' | 'keep' | 'track'>;
  /** Called with the document id of each deleted trigger. Never rejects. */
  readonly onTriggerDeleted?: ((id: string) => Promise<void>) | undefined;
  /** Whether a new action gets the API key only if it has the annotation `provide-api-key`. */
  readonly requireApiKeyAnnotation: boolean;
  /** Whether the response to a change or a deletion contains the action or package. */
  readonly requireResponsePayload: boolean;
  readonly operator: OperatorPolicy;
  /** The fraction of the invokers (0 to 1) that must be up before the controller reports that it is ready. */
  readonly readinessFraction: number;
  readonly build: Build;
  /** The objects of the invokers; missing: they share none. */
  readonly objects?: ObjectPeers | undefined;
  /** The operator's view of colors. */
  readonly colors?: { readonly palette: Pick<Colors, 'view' | 'homes'>; readonly mistakes: ColorMistakes } | undefined;
}
