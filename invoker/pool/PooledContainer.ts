import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { Execution, Interval } from '../activations/record.js';
import type { Container } from '../containers/ContainerDriver.js';
import type { ContainerEntry } from './ContainerEntry.js';

/** An entry of the pool's table, with its container. */
export interface PooledContainer extends ContainerEntry {
  /** As the driver knows it. */
  readonly name: string;
  container: Container | undefined;
  /** Settles when the container is there; rejects with what the driver says, or with a `NoMemoryError`. */
  readonly created: Promise<Container>;
  /** Of one that is being prepared for an activation: how that ends, for those that wait for it. */
  prepared: Promise<Prepared> | undefined;
  /** There while it is paused, and while that changes: settles when the change under way is over. */
  changing: Promise<void> | undefined;
  /** Settles when the logs of all earlier activations are read: they come in order. */
  logs: Promise<unknown>;
}

/**
 * How the preparation of a container for an activation ended. `ok`: it is warm. `failed`: `execution` is how it ended
 * for that activation, `response` what those get that waited with it; `initialized` says whether it came as far as to
 * `/init`. `unsent`: the container never got the code, so another one may take the activation.
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
  | { readonly kind: 'unsent'; readonly fault: Fault };

/**
 * Why a container did not take an activation: it refused, or the platform did not have it ready, or there was no memory
 * for it after all, which is no fault.
 */
export type Fault = 'container' | 'platform' | 'memory';

/** Memory that was to come free for a container did not. */
export class NoMemoryError extends Error {
  override readonly name = 'NoMemoryError';
}
