import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createDispatch } from '../../../../controller/invocation/dispatch.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from '../../../../controller/invocation/Invocation.js';
import { Journal, type AcceptedWork } from '../../../../controller/invocation/Journal.js';
import { argumentsOf } from '../../../../controller/invocation/parameters.js';
import type { ActionReader } from '../../../../controller/invocation/resolve.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { newActivationId } from '../../../../shared/entities/activationId.js';
import type { Identity } from '../../../../shared/entities/identity.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
import { newTransactionId } from '../../../../shared/entities/transaction.js';
import { silentLogger, type Logger } from '../../../../shared/logging/Logger.js';
import { NotAuthorizedError } from '../../../../controller/refusals/refusals.js';

export const user: Identity = {
  subject: 'me',
  namespace: { name: 'ns', uuid: 'uuid-of-ns' },
  authkey: { api_key: 'uuid-of-ns:key' },
  rights: ['READ', 'PUT', 'DELETE', 'ACTIVATE'],
  limits: {},
};

/** What an action does: gives a result, or a whole outcome. */
export type Behaviour = (args: Json, request: InvocationRequest) => Json | Promise<Json> | Outcome;

export class Outcome {
  readonly make: (request: InvocationRequest, id: string) => InvocationOutcome | Promise<InvocationOutcome>;
  constructor(make: Outcome['make']) {
    this.make = make;
  }
}

/** The outcomes of an action that crashed, and of one that was not heard of in time. */
export const crashed = new Outcome((request, id) => ({
  kind: 'record',
  record: recordOf(request, id, {
    statusCode: 2,
    result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
  }),
}));
export const unheard = new Outcome((_, id) => ({ kind: 'accepted', activationId: id }));

function recordOf(
  request: InvocationRequest,
  activationId: string,
  response: ActivationRecord['response'],
): ActivationRecord {
  const { action } = request.target;
  const { timeout, memory, logs, concurrency } = action.limits;
  return {
    activationId,
    namespace: request.user.namespace.name,
    name: action.name,
    version: action.version,
    subject: request.user.subject,
    publish: false,
    start: 0,
    end: 10,
    duration: 10,
    cause: request.cause,
    response,
    logs: [],
    annotations: [{ key: 'limits', value: { timeout, memory, logs, concurrency } }],
  };
}

interface RunsOptions {
  readonly maxSteps?: number | undefined;
  readonly work?: AcceptedWork | undefined;
  readonly keepLateMs?: number | undefined;
}

/** Sequences and compositions over actions that are functions of this process, by their ids. */
export class Runs {
  readonly requests: InvocationRequest[] = [];
  readonly stored: ActivationRecord[] = [];
  readonly events: { record: ActivationRecord; userId: string }[] = [];
  readonly forbidden = new Set<string>();
  /** Messages that were logged as errors. */
  readonly errors: string[] = [];
  readonly log: Logger = { ...silentLogger, error: (message) => void this.errors.push(message) };
  readonly dispatch: Invocation;
  readonly journal: Journal;
  /** Hears of colors that are not templates. */
  noteMistake = (): void => {};

  constructor(
    source: ActionReader,
    behaviours: Record<string, Behaviour>,
    { maxSteps = 50, work, keepLateMs }: RunsOptions = {},
  ) {
    const primitive: Invocation = {
      invoke: async (request) => {
        this.requests.push(request);
        const behave = behaviours[request.target.action._id];
        if (!behave) throw new Error(`no behaviour for ${request.target.action._id}`);
        const id = newActivationId();
        const result = await behave(argumentsOf(request.target.parameters, request.payload), request);
        if (result instanceof Outcome) return result.make(request, id);
        const failed = result !== null && typeof result === 'object' && 'error' in result;
        const response = { statusCode: failed ? 1 : 0, result, size: JSON.stringify(result).length } as const;
        return { kind: 'record', record: recordOf(request, id, response) };
      },
    };
    this.journal = new Journal({
      work,
      activations: {
        store: (record) => {
          this.stored.push(record);
          return Promise.resolve();
        },
      },
      events: { activation: (record, userId) => void this.events.push({ record, userId }) },
      log: this.log,
    });
    this.dispatch = createDispatch({
      primitive,
      actions: source,
      entitlement: {
        check: (_user, _privilege, [resource]) =>
          this.forbidden.has(`${resource?.path}/${resource?.name}`)
            ? Promise.reject(new NotAuthorizedError(['it']))
            : Promise.resolve(),
      },
      journal: this.journal,
      log: this.log,
      colorMistakes: { note: () => this.noteMistake() },
      clock: Date.now,
      newActivationId,
      maxSteps,
      keepLateMs,
    });
    this.#source = source;
  }

  readonly #source: ActionReader;

  /** Invokes and waits for the record. */
  async run(id: string, payload?: Json, more: Partial<InvocationRequest> = {}): Promise<ActivationRecord> {
    const outcome = await this.start(id, payload, { waitMs: 100_000, ...more });
    if (outcome.kind !== 'record') throw new Error('no record in time');
    return outcome.record;
  }

  async start(id: string, payload?: Json, more: Partial<InvocationRequest> = {}): Promise<InvocationOutcome> {
    const action = await this.#source.getAction(id);
    if (!action) throw new Error(`no action ${id}`);
    const target = { action, parameters: action.parameters };
    return this.dispatch.invoke({ transid: newTransactionId(), user, target, payload, waitMs: undefined, ...more });
  }
}

/** Frees what nobody holds any more. */
export const collectGarbage = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();
