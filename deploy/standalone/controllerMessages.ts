import type { RequestReport } from '../../controller/http/requestReports.js';
import type { OperatorPolicy } from '../../shared/access/operators.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { ForwardedLine } from '../../shared/logging/forwardingLogger.js';
import type { MetricsOfThread } from '../../shared/metrics/MergedRegistry.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { ChosenContainers } from './containers.js';
import type { StandaloneOptions } from './options.js';

/** What the process of a controller gets at its start. It contains secrets, so it does not travel in the environment. */
export interface ControllerProcessConfig {
  readonly instance: number;
  readonly options: StandaloneOptions;
  readonly containers: ChosenContainers['kind'];
  readonly operator: OperatorPolicy;
  readonly objectsSecret: string;
  readonly debug: boolean;
  /** Whether the main process wants to know each request and each activation. */
  readonly tells: { readonly requests: boolean; readonly activations: boolean };
}

/** The functions of the main process for a controller, besides bus, store and records. */
export type MainOfController = {
  readonly log: (line: ForwardedLine) => void;
  readonly unavailable: (kind: string) => Promise<string | undefined>;
  /** See `AcceptedWork`. */
  readonly accepted: (record: ActivationRecord) => Promise<void>;
  readonly ended: (activationId: string) => void;
  readonly answered: (record: ActivationRecord) => Promise<void>;
  /** The text of `/metrics`: of all processes and threads. */
  readonly metricsPage: () => Promise<string>;
  /** Switches all controllers of the server. */
  readonly setAllInService: (on: boolean) => Promise<void>;
  readonly request: (report: RequestReport) => void;
  readonly activation: (record: ActivationRecord) => void;
};

/** The functions of a controller's process. */
export type ControllerServices = {
  readonly start: (config: ControllerProcessConfig) => Promise<void>;
  /** Serves connections once it knows so many invokers and controllers. */
  readonly serve: (invokers: number, controllers: number) => Promise<void>;
  /** Answers at once. */
  readonly ping: () => void;
  /** Takes no more requests, and waits for those and for accepted work. */
  readonly drain: (limitMs: number) => Promise<void>;
  readonly setInService: (on: boolean) => Promise<void>;
  /** Leaves the bus. */
  readonly close: () => Promise<void>;
  readonly homes: (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply | undefined>;
  readonly invokers: () => InvokersReply | undefined;
  readonly metrics: () => Promise<MetricsOfThread>;
};

/** The message that brings a connection to a controller's process. */
export const CONNECTION = 'connection';
