import vm from 'node:vm';
import type {
  Acknowledged,
  ColorRequest,
  LoadBalancer,
  PendingActivation,
  SchedulableAction,
} from '../../../controller/loadbalancer/LoadBalancer.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import type { Json, KeyValue } from '../../../shared/entities/keyvalue.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { ActivationStore } from '../../../shared/store/ActivationStore.js';
import type { EntityStore } from '../../../shared/store/EntityStore.js';

/**
 * Runs JavaScript actions right here instead of sending them to an invoker, so that the whole of a controller can be
 * tested without one. `process.exit()` in an action is what a crash of its container would be.
 */
export class InProcessBalancer implements LoadBalancer {
  readonly clusterSize = 1;
  /** What was sent, in order. */
  readonly sent: { message: ActivationMessage; color: ColorRequest | undefined }[] = [];
  /** Activations begin when it resolves. */
  begin: Promise<unknown> = Promise.resolve();
  readonly #entities: EntityStore;
  readonly #activations: ActivationStore;
  readonly #invoker = invokerInstance(0, 'in-process', 1024);
  readonly #active = new Map<string, string>();

  constructor(entities: EntityStore, activations: ActivationStore) {
    this.#entities = entities;
    this.#activations = activations;
  }

  publish(_action: SchedulableAction, message: ActivationMessage, color?: ColorRequest): Promise<PendingActivation> {
    const { activationId } = message;
    this.sent.push({ message, color });
    this.#active.set(activationId, message.user.namespace.uuid);
    const finished = this.#run(message).finally(() => this.#active.delete(activationId));
    const result: Promise<Acknowledged> = message.blocking
      ? finished.then((record) => ({ kind: 'record', record }))
      : finished.then(() => ({ kind: 'stored', activationId }));
    return Promise.resolve({ activationId, invoker: this.#invoker, result });
  }

  async #run(message: ActivationMessage): Promise<ActivationRecord> {
    const { path, name, binding } = message.action;
    const action = await this.#entities.getActionWithCode(`${path}/${name}`);
    if (!action) throw new Error(`${path}/${name} is gone`);
    const { timeout, memory, logs, concurrency } = action.limits;
    await this.begin;
    const start = Date.now();
    const response = await evaluate(
      typeof action.exec.code === 'string' ? action.exec.code : '',
      message.content ?? {},
    );
    const end = Date.now();
    const annotations: KeyValue[] = [
      { key: 'path', value: `${path}/${name}` },
      { key: 'waitTime', value: start - message.transid.start },
      { key: 'kind', value: action.exec.kind },
      { key: 'timeout', value: false },
      { key: 'limits', value: { timeout, memory, logs, concurrency } },
    ];
    if (message.cause !== undefined) annotations.push({ key: 'causedBy', value: 'sequence' });
    if (binding !== undefined) annotations.push({ key: 'binding', value: binding });
    const record: ActivationRecord = {
      activationId: message.activationId,
      namespace: message.user.namespace.name,
      name,
      version: action.version,
      subject: message.user.subject,
      publish: false,
      start,
      end,
      duration: end - start,
      ...(message.cause === undefined ? {} : { cause: message.cause }),
      response,
      logs: [],
      annotations,
    };
    await this.#activations.store(record);
    return record;
  }

  activeActivationsFor(namespaceUuid: string): number {
    return [...this.#active.values()].filter((uuid) => uuid === namespaceUuid).length;
  }

  totalActiveActivations(): number {
    return this.#active.size;
  }

  activeActivations() {
    return [];
  }

  invokers() {
    return [{ instance: this.#invoker, status: 'up' as const }];
  }

  setInService(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function evaluate(code: string, args: Json): Promise<ActivationRecord['response']> {
  const exited = new Error('exited');
  const context = vm.createContext({
    args: structuredClone(args),
    console: { log() {}, error() {} },
    setTimeout,
    process: {
      env: {},
      exit: () => {
        throw exited;
      },
    },
  });
  try {
    const returned = (await vm.runInContext(`${code}\n;main(args)`, context)) as Json | undefined;
    const result = JSON.parse(JSON.stringify(returned ?? {})) as Json;
    const size = JSON.stringify(result).length;
    const failed = result !== null && typeof result === 'object' && 'error' in result;
    return { statusCode: failed ? 1 : 0, result, size };
  } catch (error) {
    if (error !== exited) return { statusCode: 2, result: { error: `An error has occurred: ${String(error)}` } };
    return {
      statusCode: 2,
      result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
    };
  }
}
