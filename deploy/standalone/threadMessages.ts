import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { LiveLine } from '../../invoker/activations/liveLines.js';
import type { ForwardedLine } from '../../shared/logging/forwardingLogger.js';
import type { MetricsOfThread } from '../../shared/metrics/MergedRegistry.js';
import { ConfigurationError } from '../../shared/config/Setting.js';
import { ContainerStartError } from '../../invoker/containers/ContainerDriver.js';
import { BusFullError, BusUnavailableError } from '../../shared/messaging/Messaging.js';
import {
  DocumentConflictError,
  RefusedByStoreError,
  StoreError,
  StoreFullError,
  StoreUnavailableError,
} from '../../shared/store/ArtifactStore.js';
import type { ChosenContainers } from './containers.js';
import { UsageError, type StandaloneOptions } from './options.js';

/** What the thread of an invoker gets at its start. */
export interface InvokerThreadConfig {
  readonly instance: number;
  readonly options: StandaloneOptions;
  readonly dataFolder: string;
  readonly driver: ChosenContainers['kind'];
  readonly apiHost: string;
  readonly objectsSecret: string;
  readonly debug: boolean;
  /** Whether the main thread wants to know each activation that has ended. */
  readonly tellsActivations: boolean;
  /** Whether it wants to know lines of logs while their activations run. */
  readonly tellsLines: boolean;
}

/** The functions of the main thread for an invoker, besides bus, store and records. */
export type MainServices = {
  readonly log: (line: ForwardedLine) => void;
  readonly homes: (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply>;
  readonly invokers: () => Promise<InvokersReply>;
  readonly imageReady: (reference: string) => Promise<void>;
  readonly imageMissing: (reference: string) => Promise<string | undefined>;
  readonly activation: (record: ActivationRecord) => void;
  readonly line: (line: LiveLine) => void;
  /** The thread's log of results could not be written. */
  readonly writeFailed: (message: string) => void;
  /** Whether the disk has not confirmed a write of this log in time, and still does not answer. */
  readonly diskStuck: (stuck: boolean) => void;
};

/** The functions of an invoker's thread. */
export type InvokerServices = {
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly metrics: () => Promise<MetricsOfThread>;
};

/** The errors that keep their class between the threads. */
export const ERRORS = [
  BusFullError,
  BusUnavailableError,
  ConfigurationError,
  ContainerStartError,
  DocumentConflictError,
  RefusedByStoreError,
  StoreError,
  StoreFullError,
  StoreUnavailableError,
  UsageError,
];
