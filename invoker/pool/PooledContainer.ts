import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { Execution, Interval } from '../activations/record.js';
import type { Container } from '../containers/ContainerDriver.js';
import type { ContainerEntry } from './ContainerEntry.js';
import type { Late } from './lateJobs.js';

/** An entry of the pool's table, with its container. */
export interface PooledContainer extends ContainerEntry {
  /** The name for the driver. */
  readonly name: string;
  container: Container | undefined;
  /** Resolves when the container is created; rejects with the driver's error or a `NoMemoryError`. */
  readonly created: Promise<Container>;
  /** The outcome of a pending preparation, for the activations that wait for it. */
  prepared: Promise<Prepared> | undefined;
  /** Defined while the container is pausing, paused or resuming. Settles at the end of the current change. */
  changing: Promise<void> | undefined;
  /** Settles when the logs of all earlier activations are read, since they are read in order. */
  logs: Promise<unknown>;
}

/**
 * The outcome of a container's preparation for an activation. `ok`: it is warm. `failed`: `execution` is for the record
 * of that activation, `response` for those that waited for it; `initialized`: whether `/init` was sent. `unsent`: the
 * container did not get the code, so another one may take the activation. `left`: the invoker stops, and the activations have
 * not started. `late`: that activation must not run; those that waited for it may, in other containers.
 */
export type Prepared =
  | { readonly kind: 'ok'; readonly init: Interval }
  | {
      readonly kind: 'failed';
      readonly execution: Execution;
      readonly response: ActivationResponse;
      readonly initialized: boolean;
      /** For the logs of those activations. */
      readonly reason: string | undefined;
    }
  | { readonly kind: 'unsent'; readonly fault: Fault }
  | { readonly kind: 'left' }
  | { readonly kind: 'late'; readonly late: Late };

/**
 * Why a container did not take an activation: it refused (`container`), the platform failed to prepare it (`platform`),
 * or its memory did not become free (`memory`).
 */
export type Fault = 'container' | 'platform' | 'memory';

/** The memory for a container did not become free. */
export class NoMemoryError extends Error {
  override readonly name = 'NoMemoryError';
}
