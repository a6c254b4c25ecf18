import { randomBytes, randomUUID } from 'node:crypto';
import { newActivationId } from '../../shared/entities/activationId.js';
import type { ActionDocument } from '../../shared/entities/documents.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ControllerInstance } from '../../shared/messages/instances.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';

/** The transaction id of all health tests. It identifies their acknowledgements. */
export const HEALTH_TRANSACTION = 'sid_invokerHealth';

const NAMESPACE = 'whisk.system';
const VERSION = '0.0.1';

export interface HealthTestOptions {
  readonly controller: ControllerInstance;
  /** A kind of the runtimes manifest that runs JavaScript, such as `nodejs:20`. */
  readonly kind: string;
  /** The smallest memory limit of an action, in MB. */
  readonly memory: number;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The action that tests an invoker: it returns its parameters. */
export function healthTestAction(options: HealthTestOptions, now: number): ActionDocument {
  const name = `invokerHealthTestAction${options.controller.asString}`;
  return {
    _id: `${NAMESPACE}/${name}`,
    entityType: 'action',
    namespace: NAMESPACE,
    name,
    version: VERSION,
    publish: false,
    annotations: [],
    parameters: [],
    exec: { kind: options.kind, code: 'function main(args) { return args; }', binary: false },
    limits: { timeout: options.timeout, memory: options.memory, logs: 10, concurrency: 1 },
    updated: now,
  };
}

/** Writes the test action to the store and replaces an older one. */
export async function createHealthTestAction(
  whisks: ArtifactStore,
  options: HealthTestOptions,
  now: number,
): Promise<void> {
  const action = healthTestAction(options, now);
  const older = await whisks.get(action._id);
  await whisks.put(older ? { ...action, _rev: older._rev } : action);
}

/** Makes messages that run the test action. Their identity is new for each process and has no rights. */
export function healthTests(controller: ControllerInstance, startedAt: number): () => ActivationMessage {
  const uuid = randomUUID();
  const user: Identity = {
    subject: NAMESPACE,
    namespace: { name: NAMESPACE, uuid },
    authkey: { api_key: `${uuid}:${randomBytes(48).toString('base64url')}` },
    rights: [],
    limits: {},
  };
  const transid: TransactionId = { id: HEALTH_TRANSACTION, start: startedAt };
  return () => ({
    transid,
    action: { path: NAMESPACE, name: `invokerHealthTestAction${controller.asString}`, version: VERSION },
    // Without a revision the invoker reads the action from the store each time, so the test covers the store, too.
    revision: null,
    user,
    activationId: newActivationId(),
    rootControllerIndex: controller,
    blocking: false,
    initArgs: [],
    lockedArgs: {},
  });
}
