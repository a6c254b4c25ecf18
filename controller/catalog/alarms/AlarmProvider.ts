import { AlarmStore } from './AlarmStore.js';
import { AlarmScheduler } from './AlarmScheduler.js';
import { switchedOff, type Alarm } from './Alarm.js';
import { describeAlarm, FeedError, newAlarm, pausedAlarm, revisedAlarm, unpausedAlarm } from './feedParameters.js';
import { BadScheduleError } from './schedule.js';
import { fireTrigger, type FireParts } from '../../invocation/fire.js';
import { removeRule } from '../../api/rules/delete.js';
import type { Authentication } from '../../authentication/Authentication.js';
import { NotAuthenticatedError, Refusal, ThrottledError } from '../../refusals/refusals.js';
import type { BuiltinAction, Builtins } from '../../invocation/builtin.js';
import type { Identity } from '../../../shared/entities/identity.js';
import type { Json, JsonObject } from '../../../shared/entities/keyvalue.js';
import { newTransactionId } from '../../../shared/entities/transaction.js';
import type { TriggerDocument } from '../../../shared/entities/documents.js';
import { retry } from '../../../shared/process/retry.js';
import type { ArtifactStore } from '../../../shared/store/ArtifactStore.js';
import { WrongEntityTypeError, type EntityStore } from '../../../shared/store/EntityStore.js';

export interface AlarmProviderParts extends FireParts {
  readonly entities: EntityStore;
  readonly authentication: Authentication;
  /** The database of entities. It also holds the alarms. */
  readonly whisks: Pick<ArtifactStore, 'get' | 'put'>;
  /** Called with the id of each document of alarms that changes, so that other controllers can be told. */
  readonly onChange?: ((id: string) => void) | undefined;
  /** See `AlarmScheduler`. */
  readonly turnMs: number;
  /** Whether actions can run. Alarms wait for this for a short time. */
  readonly ready: () => boolean;
}

/** The retries of a throttled trigger. The delay in ms is `RETRY_MS` times the square of the failures. */
const RETRIES = 10;
const RETRY_MS = 1000;

/**
 * Runs the feeds of `/whisk.system/alarms`, which keep alarms, and fires the alarms' triggers. Each controller of an
 * installation may run a provider: only one of them fires an alarm at each of its times.
 */
export class AlarmProvider {
  readonly #parts: AlarmProviderParts;
  readonly #store: AlarmStore;
  readonly #scheduler: AlarmScheduler;
  readonly #stopping = new AbortController();

  constructor(parts: AlarmProviderParts) {
    this.#parts = parts;
    const { whisks, log, clock, turnMs, ready, onChange } = parts;
    this.#store = new AlarmStore({ store: whisks, log, onChange });
    this.#scheduler = new AlarmScheduler({
      store: this.#store,
      clock,
      turnMs,
      ready,
      log,
      fire: (trigger, alarm) => this.#fireOrSwitchOff(trigger, alarm),
    });
  }

  /** The feeds by the document ids of their actions. */
  get feeds(): Builtins {
    const feed: BuiltinAction = (call) => this.#feed(call.user, call.args);
    return new Map(['alarm', 'interval', 'once'].map((name) => [`whisk.system/alarms/${name}`, feed]));
  }

  /** Starts the alarms. */
  start(): void {
    this.#scheduler.check();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#scheduler.stop();
  }

  /** To be called when another controller changed a document. Reads it if it is a page of alarms. */
  changed(documentId: string): void {
    if (!this.#store.isPage(documentId)) return;
    this.#store.reload(documentId).then(
      () => this.#scheduler.check(),
      (error: unknown) => this.#parts.log.warn("could not read another controller's change of an alarm", { error }),
    );
  }

  /**
   * Deletes the alarm of a deleted trigger, if it has one. Never rejects: an alarm that remains is deleted when it goes
   * off and finds no trigger.
   */
  async forget(trigger: string): Promise<void> {
    try {
      // Read the store: another controller may just have created the alarm.
      if (await this.#store.get(trigger)) {
        await this.#store.edit(this.#store.pageOf(trigger), (alarms) => void alarms.delete(trigger));
      }
    } catch (error) {
      this.#parts.log.warn('could not delete the alarm of a deleted trigger', { error, trigger });
    }
  }

  async #feed(user: Identity, args: JsonObject): Promise<JsonObject> {
    const event = args['lifecycleEvent'];
    if (!isLifecycleEvent(event)) return { error: 'unsupported lifecycleEvent' };
    try {
      const name = triggerName(args['triggerName']);
      const { lifecycleEvent: _, authKey, triggerName: __, ...params } = args;
      await this.#authorize(user, authKey, name, event);
      const answer = await this.#handle(event, { namespace: user.namespace.name, name }, params);
      this.#scheduler.check();
      return answer;
    } catch (error) {
      if (error instanceof FeedError || error instanceof BadScheduleError) return { error: { error: error.message } };
      throw error;
    }
  }

  /**
   * Checks that the key in the parameters belongs to the caller, and that the trigger exists, except for a deletion.
   */
  async #authorize(user: Identity, authKey: Json | undefined, name: string, event: LifecycleEvent): Promise<void> {
    const { authentication, entities } = this.#parts;
    const failed = new FeedError('Trigger authentication request failed.');
    if (authKey !== undefined && authKey !== null) {
      if (typeof authKey !== 'string') throw failed;
      const header = `Basic ${Buffer.from(authKey).toString('base64')}`;
      const owner = await authentication.authenticate(header).catch((error: unknown) => {
        if (error instanceof NotAuthenticatedError) return undefined;
        throw error;
      });
      if (owner?.namespace.name !== user.namespace.name) throw failed;
    }
    if (event === 'DELETE') return;
    const trigger = await entities.getTrigger(`${user.namespace.name}/${name}`).catch((error: unknown) => {
      if (error instanceof WrongEntityTypeError) return undefined;
      throw error;
    });
    if (!trigger) throw failed;
  }

  async #handle(
    event: LifecycleEvent,
    trigger: { namespace: string; name: string },
    params: JsonObject,
  ): Promise<JsonObject> {
    const id = `${trigger.namespace}/${trigger.name}`;
    const page = this.#store.pageOf(id);
    const now = this.#parts.clock();
    const missing = new FeedError(`could not find trigger /${id} in the database`);
    if (event === 'READ') {
      const alarm = await this.#store.get(id);
      if (!alarm) throw missing;
      return describeAlarm(trigger, alarm);
    }
    if (event === 'CREATE') {
      const alarm = newAlarm(params, now);
      await this.#store.edit(page, (alarms) => void alarms.set(id, alarm));
      return SUCCESS;
    }
    // Read the store: this controller's copy may be old.
    await this.#store.reload(page);
    await this.#store.edit(page, (alarms) => {
      const alarm = alarms.get(id);
      if (!alarm) throw missing;
      if (event === 'DELETE') alarms.delete(id);
      else alarms.set(id, CHANGES[event](alarm, params, now));
    });
    return SUCCESS;
  }

  /**
   * Fires the trigger. Retries while its namespace is throttled. Another refusal, or the last one, switches the alarm
   * off.
   */
  async #fireOrSwitchOff(id: string, alarm: Alarm): Promise<void> {
    const { signal } = this.#stopping;
    let throttled: unknown;
    try {
      await retry(() => this.#fire(id, alarm), {
        delayMs: (failures) => (failures > RETRIES ? undefined : RETRY_MS * failures ** 2),
        isFinal: (error) => !(error instanceof ThrottledError),
        onFailure: (error) => (throttled = error),
        signal,
      });
    } catch (error) {
      if (signal.aborted) {
        const context = { trigger: id, error: throttled ?? error };
        this.#parts.log.warn('the controller stopped before it fired the trigger of an alarm', context);
        return;
      }
      if (!(error instanceof Refusal)) throw error;
      const { statusCode, message } = this.#parts.explain(error);
      const always = 'Automatically disabled after continuously receiving a 429 status code when firing the trigger';
      const reason = error instanceof ThrottledError ? always : `Trigger automatically disabled: ${message}`;
      await this.#switchOff(id, statusCode, reason);
    }
  }

  async #fire(id: string, alarm: Alarm): Promise<void> {
    const { authentication, entitlement, entities } = this.#parts;
    const [namespace = '', name = ''] = id.split('/');
    const trigger = await entities.getTrigger(id).catch((error: unknown) => {
      if (error instanceof WrongEntityTypeError) return undefined;
      throw error;
    });
    if (!trigger) return this.forget(id);
    const user = await authentication.identityOfNamespace(namespace);
    if (!user) throw new NotAuthenticatedError('no identity');
    await entitlement.check(user, 'ACTIVATE', [{ path: namespace, collection: 'triggers', name }]);
    const fired = fireTrigger(this.#parts, {
      transid: newTransactionId(this.#parts.clock()),
      user,
      trigger,
      payload: alarm.payload,
    });
    await fired?.done;
    if (alarm.schedule.kind === 'once') await this.#cleanUp(trigger, alarm.schedule.deleteAfterFire);
  }

  async #cleanUp(trigger: TriggerDocument, what: 'false' | 'true' | 'rules' | undefined): Promise<void> {
    if (what === undefined || what === 'false') return;
    const { entities } = this.#parts;
    await this.forget(trigger._id);
    const current = await entities.getTrigger(trigger._id);
    if (current?._rev === undefined) return;
    await entities.delete(current._id, current._rev);
    if (what !== 'rules') return;
    for (const rule of Object.keys(current.rules ?? {})) await removeRule(this.#parts, rule);
  }

  async #switchOff(id: string, statusCode: number, message: string): Promise<void> {
    const now = this.#parts.clock();
    await this.#store.edit(this.#store.pageOf(id), (alarms) => {
      const alarm = alarms.get(id);
      if (alarm?.status.active) alarms.set(id, switchedOff(alarm, now, { kind: 'AUTO', statusCode, message }));
    });
  }
}

const SUCCESS: JsonObject = { status: 'success' };

const CHANGES = {
  UPDATE: revisedAlarm,
  PAUSE: (a: Alarm, _: JsonObject, now: number) => pausedAlarm(a, now),
  UNPAUSE: (a: Alarm, _: JsonObject, now: number) => unpausedAlarm(a, now),
};

const EVENTS = ['CREATE', 'READ', 'UPDATE', 'DELETE', 'PAUSE', 'UNPAUSE'] as const;
type LifecycleEvent = (typeof EVENTS)[number];

function isLifecycleEvent(value: Json | undefined): value is LifecycleEvent {
  return (EVENTS as readonly unknown[]).includes(value);
}

/**
 * The last part of `/namespace/trigger`. The namespace is ignored, since an alarm's trigger is always the caller's own.
 */
function triggerName(value: Json | undefined): string {
  const name = typeof value === 'string' ? value.split('/').at(-1) : undefined;
  if (!name) throw new FeedError('no trigger name parameter was provided');
  return name;
}
