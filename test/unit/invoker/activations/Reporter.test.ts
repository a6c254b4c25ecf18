import assert from 'node:assert/strict';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { createUserEvents } from '../../../../shared/events/UserEvents.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import type { Acknowledgement } from '../../../../shared/messages/acknowledgement.js';
import type { EventMessage } from '../../../../shared/messages/event.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import {
  BusFullError,
  MessageTooLargeError,
  type Producer,
  type SendOptions,
  type Topic,
} from '../../../../shared/messaging/Messaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { executionRecord } from '../../../../invoker/activations/record.js';
import { Reporter, type ReporterParts } from '../../../../invoker/activations/Reporter.js';
import { isStored, STORE_ALWAYS, type StoreLevel, type StoreLevels } from '../../../../invoker/activations/storing.js';
import { executable, Gate, message, settle } from '../pool/setup.js';

const instance = invokerInstance(0, '0', 2048);

class Listener {
  readonly said: [string, Acknowledgement][] = [];
  readonly events: EventMessage[] = [];
  readonly records: ActivationRecord[] = [];
  limit = Infinity;
  /** Acknowledgements reach the bus when it opens. */
  away: Gate | undefined;
  /** What the bus has room for at the moment. */
  room = Infinity;
  /** The topics of messages that do not wait for a bus that is away. */
  readonly hasty: string[] = [];
  /** How long each acknowledgement may be held back, in ms, in the order of their sending. */
  readonly patience: (number | undefined)[] = [];
  recording: () => Promise<void> | void = () => {};
  /** The kinds of acknowledgements that were given to the bus, whether it has them yet or not. */
  readonly given: string[] = [];
  readonly #producer: Producer = {
    send: <T>(topic: Topic<T>, sent: T, options?: SendOptions): Promise<void> => {
      const { length } = topic.encode(sent);
      if (length > this.room) return Promise.reject(new BusFullError('full'));
      if (options?.lasting !== true) this.hasty.push(topic.name);
      if (length > this.limit) return Promise.reject(new MessageTooLargeError(topic.name, length, this.limit));
      if (topic.name === 'events') this.events.push(sent as EventMessage);
      else {
        this.given.push((sent as Acknowledgement).kind);
        this.patience.push(options?.patienceMs);
        const say = (): void => void this.said.push([topic.name, sent as Acknowledgement]);
        if (this.away) return this.away.pass().then(say);
        say();
      }
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };

  reporter(storeLevels: StoreLevels = STORE_ALWAYS, over: Partial<ReporterParts> = {}): Reporter {
    return new Reporter({
      instance,
      producer: this.#producer,
      topics: topics(),
      recorder: {
        record: async (record) => {
          await this.recording();
          this.records.push(record);
        },
      },
      events: createUserEvents({
        source: 'invoker0',
        producer: this.#producer,
        topic: topics().events,
        log: silentLogger,
        clock: () => 99,
      }),
      storeLevels,
      log: silentLogger,
      ...over,
    });
  }
}

const recordOf = (sent = message(), statusCode: 0 | 1 | 2 | 3 = 0): ActivationRecord =>
  executionRecord(
    sent,
    executable(),
    { response: { statusCode, result: { a: 1 } }, total: { start: 5, end: 7 }, timedOut: false },
    'invoker0',
  );

describe('Reporter', () => {
  it('sends the result of a blocking activation at once, and its completion when the logs are complete', async () => {
    const heard = new Listener();
    const logs = new Gate();
    const sent = message({ rootControllerIndex: { asString: '3', instanceType: 'controller' } });
    const record = recordOf(sent);
    const done = heard.reporter().reportWithLogs(
      sent,
      record,
      logs.pass().then(() => ['a line']),
    );
    await settle();
    assert.deepEqual(heard.said, [['completed3', { kind: 'result', transid: sent.transid, response: record }]]);
    assert.equal(heard.records.length, 0);
    assert.equal(heard.events.length, 0);
    logs.open();
    await done;
    assert.deepEqual(heard.said[1], [
      'completed3',
      {
        kind: 'completion',
        transid: sent.transid,
        activationId: sent.activationId,
        isSystemError: false,
        instance,
      },
    ]);
    assert.deepEqual(heard.records, [{ ...record, logs: ['a line'] }]);
    assert.equal(heard.events.length, 1);
    assert.equal(heard.events[0]?.userId, 'uuid');
    assert.deepEqual(record.logs, [], 'what was sent before stays as it was');
  });

  it('sends no completion before the bus has the result', async () => {
    const heard = new Listener();
    const bus = new Gate();
    heard.away = bus;
    const logs = new Gate();
    const sent = message();
    const done = heard.reporter().reportWithLogs(
      sent,
      recordOf(sent),
      logs.pass().then(() => []),
    );
    await settle();
    logs.open();
    await settle();
    assert.deepEqual(heard.given, ['result']);
    bus.open();
    await done;
    assert.deepEqual(heard.given, ['result', 'completion']);
  });

  it('sends both at once if the logs are complete', async () => {
    const heard = new Listener();
    const sent = message();
    const record = recordOf(sent);
    await heard.reporter().reportWithLogs(sent, record, Promise.resolve(['a line']));
    assert.deepEqual(
      heard.said.map(([, ack]) => ack),
      [{ kind: 'combined', transid: sent.transid, response: record, isSystemError: false, instance }],
    );
    assert.deepEqual(heard.records, [{ ...record, logs: ['a line'] }]);
    assert.equal(heard.events.length, 1);
  });

  it('sends only the completion if no caller waits', async () => {
    const heard = new Listener();
    const sent = message({ blocking: false });
    await heard.reporter().reportWithLogs(sent, recordOf(sent), Promise.resolve([]));
    await heard.reporter().report(sent, recordOf(sent));
    assert.deepEqual(
      heard.said.map(([, { kind }]) => kind),
      ['completion', 'completion'],
    );
  });

  it('sends both at once if there are no logs', async () => {
    const heard = new Listener();
    const sent = message();
    await heard.reporter().report(sent, recordOf(sent, 3));
    assert.deepEqual(heard.said[0]?.[1], {
      kind: 'combined',
      transid: sent.transid,
      response: recordOf(sent, 3),
      isSystemError: true,
      instance,
    });
  });

  it('sends the id instead of a record that is too large', async () => {
    const heard = new Listener();
    heard.limit = 400;
    const sent = message();
    const large = { ...recordOf(sent), response: { statusCode: 0, result: { text: 'x'.repeat(1000) } } as const };
    await heard.reporter().report(sent, large);
    const [, ack] = heard.said[0] ?? [];
    assert.equal(ack?.kind === 'combined' && ack.response, sent.activationId);
    assert.equal(heard.records.length, 1);
  });

  it('sends the id instead of a record if too much waits for an unavailable bus', async () => {
    const heard = new Listener();
    heard.room = 400;
    const sent = message();
    await heard.reporter().report(sent, recordOf(sent));
    assert.deepEqual(
      heard.said.map(([, ack]) => ack.kind !== 'completion' && ack.response),
      [sent.activationId],
    );
  });

  it('keeps acknowledgements as long as the bus is unavailable, but not events', async () => {
    const heard = new Listener();
    heard.limit = 400;
    const sent = message();
    await heard.reporter().reportWithLogs(sent, recordOf(sent), Promise.resolve([]));
    await heard.reporter().report(sent, recordOf(sent));
    assert.deepEqual(new Set(heard.hasty), new Set(['events']));
  });

  it('stores the record while the result waits for an unavailable bus', async () => {
    const heard = new Listener();
    heard.away = new Gate();
    const sent = message();
    const logs = new Gate();
    const reporting = heard.reporter().reportWithLogs(
      sent,
      recordOf(sent),
      logs.pass().then(() => ['a line']),
    );
    await settle();
    logs.open();
    await settle();
    assert.equal(heard.records.length, 1);
    assert.equal(heard.said.length, 0, 'the completion does not overtake its result');
    heard.away.open();
    await reporting;
    assert.deepEqual(
      heard.said.map(([, { kind }]) => kind),
      ['result', 'completion'],
    );
  });

  it('frees the slot of a blocked namespace without a record', async () => {
    const heard = new Listener();
    const sent = message();
    await heard.reporter().acknowledgeOnly(sent, recordOf(sent, 1));
    const [, ack] = heard.said[0] ?? [];
    assert.equal(ack?.kind === 'combined' && ack.response, sent.activationId);
    assert.equal(heard.records.length, 0);
  });

  it('settles though the store refuses', async () => {
    const heard = new Listener();
    heard.recording = () => Promise.reject(new Error('full'));
    await heard.reporter().report(message(), recordOf());
    assert.equal(heard.said.length, 1);
  });

  it('waits for the record: until then the activation is not over', async () => {
    const heard = new Listener();
    const gate = new Gate();
    heard.recording = () => gate.pass();
    let over = false;
    const done = heard
      .reporter()
      .report(message(), recordOf())
      .then(() => (over = true));
    await settle();
    assert.equal(heard.said.length, 1, 'the acknowledgement does not wait');
    assert.equal(over, false);
    gate.open();
    await done;
  });

  it('stores no record if the namespace wants none', async () => {
    const heard = new Listener();
    const sent = message({ user: { ...message().user, limits: { storeActivations: false } } });
    await heard.reporter().report(sent, recordOf(sent));
    assert.equal(heard.records.length, 0);
    assert.equal(heard.said.length, 1);
  });

  it('holds back a completion only after its result: an answer or a free slot is told at once', async () => {
    const heard = new Listener();
    const logs = new Gate();
    const done = heard.reporter().reportWithLogs(
      message(),
      recordOf(),
      logs.pass().then(() => []),
    );
    await settle();
    logs.open();
    await done;
    const [result, completion] = heard.patience;
    assert.equal(result, 0);
    assert.ok(completion !== undefined && completion > 0);
    const sent = message({ blocking: false });
    await heard.reporter().reportWithLogs(sent, recordOf(sent), Promise.resolve([]));
    assert.equal(heard.patience[2], 0);
  });

  it('does not blame this run for leftovers of an earlier one, and gives the record to the waiting caller', async () => {
    for (const blocking of [true, false]) {
      const heard = new Listener();
      const sent = message({ blocking });
      const record = recordOf(sent, 3);
      await heard.reporter().reportLeftBehind(sent, record);
      const [, ack] = heard.said[0] ?? [];
      assert.ok(ack?.kind === 'combined');
      assert.equal(ack.isSystemError, false);
      assert.deepEqual(ack.response, blocking ? record : sent.activationId);
      assert.deepEqual([heard.records.length, heard.events.length], [1, 1]);
    }
  });

  it('repeats how an activation ended, with the record if a caller waits, and stores nothing', async () => {
    for (const [blocking, kind] of [
      [true, 'combined'],
      [false, 'completion'],
    ] as const) {
      const heard = new Listener();
      const sent = message({ blocking });
      await heard.reporter().acknowledge(sent, recordOf(sent));
      assert.deepEqual(
        heard.said.map(([, ack]) => ack.kind),
        [kind],
      );
      assert.deepEqual([heard.records.length, heard.events.length], [0, 0]);
    }
  });

  it('logs each acknowledgement only if the log is verbose', async () => {
    for (const debugEnabled of [true, false]) {
      const lines: string[] = [];
      const log = { ...silentLogger, debugEnabled, debug: (text: string) => void lines.push(text) };
      const sent = message();
      await new Listener().reporter(STORE_ALWAYS, { log }).acknowledge(sent, recordOf(sent));
      assert.deepEqual(lines, debugEnabled ? [`posted combined of activation ${sent.activationId}`] : []);
    }
  });

  describe('of a server that keeps the records of answered callers', () => {
    /** What happened, in order. */
    function keeping(levels: StoreLevels = STORE_ALWAYS, keep: () => Promise<void> = () => Promise.resolve()) {
      const heard = new Listener();
      const events: string[] = [];
      const reporter = heard.reporter(levels, {
        answers: {
          answered: async () => {
            events.push(`kept before ${heard.given.length} were told`);
            await keep();
          },
          completed: () => void events.push(`over with ${heard.records.length} stored`),
        },
      });
      return { reporter, events, heard };
    }
    const KEPT = ['kept before 0 were told', 'over with 1 stored'];

    it('keeps the record before its caller is answered, until it is stored', async () => {
      const { reporter, events } = keeping();
      await reporter.report(message(), recordOf());
      assert.deepEqual(events, KEPT);
      const later = keeping();
      const logs = new Gate();
      const done = later.reporter.reportWithLogs(
        message(),
        recordOf(),
        logs.pass().then(() => []),
      );
      await settle();
      logs.open();
      await done;
      assert.deepEqual(later.events, KEPT);
    });

    it('sends one message if the logs come while the record is being kept', async () => {
      const disk = new Gate();
      const logs = new Gate();
      const { reporter, events, heard } = keeping(STORE_ALWAYS, () => disk.pass());
      const done = reporter.reportWithLogs(
        message(),
        recordOf(),
        logs.pass().then(() => ['a line']),
      );
      await settle();
      logs.open();
      await settle();
      assert.deepEqual(heard.given, []);
      disk.open();
      await done;
      assert.deepEqual(heard.given, ['combined']);
      assert.deepEqual(heard.records[0]?.logs, ['a line']);
      assert.deepEqual(events, KEPT);
    });

    it('keeps nothing if no caller waits, or if no record is stored', async () => {
      const { reporter, events } = keeping();
      const sent = message({ blocking: false });
      await reporter.report(sent, recordOf(sent));
      await reporter.reportWithLogs(sent, recordOf(sent), Promise.resolve([]));
      assert.deepEqual(events, []);
      const failures = keeping({ blocking: 'STORE_FAILURES', nonBlocking: 'STORE_FAILURES' });
      await failures.reporter.report(message(), recordOf());
      assert.deepEqual(failures.events, []);
    });

    it('keeps nothing of the component of a sequence, whose caller is this server', async () => {
      const { reporter, events } = keeping();
      const sent = message({ cause: 'f'.repeat(32) });
      await reporter.report(sent, recordOf(sent));
      assert.deepEqual(events, []);
    });

    it('answers the caller although the record could not be kept', async () => {
      const { reporter, events, heard } = keeping(STORE_ALWAYS, () => Promise.reject(new Error('the disk is full')));
      await reporter.report(message(), recordOf());
      assert.deepEqual(events, ['kept before 0 were told']);
      assert.deepEqual([heard.said.length, heard.records.length], [1, 1]);
    });
  });
});

describe('which records are stored', () => {
  const stored = (level: StoreLevel): boolean[] =>
    ([0, 1, 2, 3] as const).map((statusCode) =>
      isStored(message(), { statusCode }, { blocking: level, nonBlocking: 'STORE_ALWAYS' }),
    );

  it('depends on the level for blocking and for other activations', () => {
    assert.deepEqual(stored('STORE_ALWAYS'), [true, true, true, true]);
    assert.deepEqual(stored('STORE_FAILURES'), [false, true, true, true]);
    assert.deepEqual(stored('STORE_FAILURES_NOT_APPLICATION_ERRORS'), [false, false, true, true]);
    const levels = { blocking: 'STORE_ALWAYS', nonBlocking: 'STORE_FAILURES' } as const;
    assert.equal(isStored(message({ blocking: false }), { statusCode: 0 }, levels), false);
  });

  it('is every one whose caller asked for extra logging, unless its namespace wants none', () => {
    const levels = { blocking: 'STORE_FAILURES', nonBlocking: 'STORE_FAILURES' } as const;
    const transid = { id: 't', start: 0, extraLogging: true };
    assert.equal(isStored(message({ transid }), { statusCode: 0 }, levels), true);
    const user = { ...message().user, limits: { storeActivations: false } };
    assert.equal(isStored(message({ transid, user }), { statusCode: 0 }, levels), false);
  });
});
