import { randomBytes, randomUUID } from 'node:crypto';
import { newActivationId } from '../../shared/entities/activationId.js';
import type { ActionDocument } from '../../shared/entities/documents.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ControllerInstance } from '../../shared/messages/instances.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';

/** The transaction of every test of an invoker's health; its acknowledgements are known by it. */
export const HEALTH_TRANSACTION = 'sid_invokerHealth';

const NAMESPACE = 'whisk.system';
const VERSION = '0.0.1';

export interface HealthTestOptions {
  readonly controller: ControllerInstance;
  /** A kind of the runtimes manifest that runs JavaScript, such as `nodejs:20`. */
  readonly kind: string;
  /** MB; the least that an action may have. */
  readonly memory: number;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The action that a controller runs on an invoker to see whether it works: it returns its parameters. */
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

/** Writes the test action to the store, over an older one. */
export async function createHealthTestAction(
  whisks: ArtifactStore,
  options: HealthTestOptions,
  now: number,
): Promise<void> {
  const action = healthTestAction(options, now);
  const older = await whisks.get(action._id);
  await whisks.put(older ? { ...action, _rev: older._rev } : action);
}

/** Makes messages that run the test action; each process has an identity of its own for them, valid nowhere. */
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
    // Without a revision the invoker reads the action from the store each time, which is part of the test.
    revision: null,
    user,
    activationId: newActivationId(),
    rootControllerIndex: controller,
    blocking: false,
    initArgs: [],
    lockedArgs: {},
  });
}
