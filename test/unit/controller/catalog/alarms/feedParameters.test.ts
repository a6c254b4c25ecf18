import assert from 'node:assert/strict';
import {
  describeAlarm,
  FeedError,
  newAlarm,
  pausedAlarm,
  revisedAlarm,
  unpausedAlarm,
} from '../../../../../controller/catalog/alarms/feedParameters.js';
import { alarmSchema } from '../../../../../controller/catalog/alarms/Alarm.js';
import type { JsonObject } from '../../../../../shared/entities/keyvalue.js';

const NOW = Date.parse('2026-01-01T00:00:10Z');
const MINUTE = 60_000;
const interval = (params: JsonObject) => newAlarm({ isInterval: true, ...params }, NOW);
const once = (params: JsonObject) => newAlarm({ fireOnce: true, ...params }, NOW);
const cron = (params: JsonObject) => newAlarm(params, NOW);
const refuses = (make: () => unknown, message: string) => assert.throws(make, new FeedError(message));

describe('a new alarm', () => {
  it('by a cron pattern goes off at its first time', () => {
    const alarm = cron({ cron: '* * * * *', trigger_payload: { a: 1 }, maxTriggers: 2 });
    assert.equal(alarm.next, Date.parse('2026-01-01T00:01:00Z'));
    assert.deepEqual([alarm.payload, alarm.maxTriggers, alarm.triggersLeft], [{ a: 1 }, 2, 2]);
  });

  it('by an interval begins in half a minute, or at its start date', () => {
    assert.equal(interval({ minutes: 5 }).next, NOW + 30_000);
    assert.equal(interval({ minutes: '5', startDate: NOW + MINUTE }).next, NOW + MINUTE);
  });

  it('at a moment goes off then', () => {
    assert.equal(once({ date: NOW + 1 }).next, NOW + 1);
    assert.equal(once({ date: '2026-01-01T00:01:00Z' }).next, Date.parse('2026-01-01T00:01:00Z'));
  });

  it('can be stored and read again', () => {
    const alarms = [
      cron({ cron: '* * * * *', timezone: 'Europe/Berlin', strict: 'true', stopDate: NOW + MINUTE }),
      interval({ minutes: 1 }),
      once({ date: NOW + 1, deleteAfterFire: 'rules', trigger_payload: { list: [1, null, { x: 'y' }] } }),
    ];
    for (const alarm of alarms) assert.deepEqual(alarmSchema.parse(JSON.parse(JSON.stringify(alarm))), alarm);
  });

  it('takes a text as a payload, too', () => {
    assert.deepEqual(once({ date: NOW + 1, trigger_payload: 'text' }).payload, { payload: 'text' });
    assert.deepEqual(once({ date: NOW + 1 }).payload, {});
  });

  it('is refused in the words of the alarms package', () => {
    refuses(() => cron({}), 'alarms trigger feed is missing the cron parameter');
    refuses(() => cron({ cron: NOW }), `cron pattern '${NOW}' is not valid`);
    refuses(() => cron({ cron: '* * * * *', timezone: 'America/RTP' }), 'Invalid timezone.');
    refuses(() => interval({}), 'interval trigger feed is missing the minutes parameter');
    refuses(() => interval({ minutes: 'five' }), 'the minutes parameter must be an integer');
    refuses(() => interval({ minutes: 1.5 }), 'the minutes parameter must be an integer');
    refuses(() => interval({ minutes: -1 }), 'the minutes parameter must be an integer greater than zero');
    refuses(() => once({}), 'alarms once trigger feed is missing the date parameter');
    refuses(() => once({ date: 'tomorrow' }), "date parameter 'tomorrow' is not a valid Date");
    refuses(() => once({ date: NOW - 1 }), `date parameter '${NOW - 1}' must be in the future`);
    refuses(
      () => once({ date: NOW + 1, deleteAfterFire: 'maybe' }),
      'deleteAfterFire parameter must be one of [false, true, rules].',
    );
    refuses(
      () => cron({ cron: '* * * * *', startDate: NOW - 1 }),
      `startDate parameter '${NOW - 1}' must be in the future`,
    );
    refuses(
      () => once({ date: NOW + 1, trigger_payload: 'x'.repeat(65_535) }),
      'the trigger_payload parameter is larger than allowed: 65537 > 65536 bytes',
    );
    const soon = NOW + 1000;
    refuses(
      () => cron({ cron: '* * * * *', startDate: soon, stopDate: soon }),
      `stopDate parameter '${soon}' must be greater than the startDate parameter '${soon}'`,
    );
    refuses(
      () => cron({ cron: '* * * * *', stopDate: soon }),
      'the first scheduled trigger fire is not until after the stop date',
    );
    refuses(
      () => cron({ cron: '* * * * *', stopDate: NOW + MINUTE, maxTriggers: 1 }),
      'maxTriggers is not allowed when the stopDate parameter is specified',
    );
    refuses(
      () => interval({ minutes: 1, stopDate: NOW + MINUTE, maxTriggers: 1 }),
      'maxTriggers is not supported for the interval trigger feed',
    );
  });
});

describe('an update of an alarm', () => {
  it('changes the given parameters, and keeps the rest', () => {
    const before = cron({ cron: '* * * * *', timezone: 'America/New_York', trigger_payload: { a: 1 } });
    const after = revisedAlarm(before, { cron: '*/2 * * * *' }, NOW);
    assert.deepEqual(after.schedule, { kind: 'cron', cron: '*/2 * * * *', timezone: 'America/New_York' });
    assert.deepEqual([after.payload, after.next], [{ a: 1 }, Date.parse('2026-01-01T00:02:00Z')]);
    const paid = revisedAlarm(after, { trigger_payload: { b: 2 } }, NOW);
    assert.deepEqual([paid.payload, paid.schedule], [{ b: 2 }, after.schedule]);
  });

  it('makes it active again', () => {
    const done = { ...once({ date: NOW + 1 }), status: { active: false, dateChanged: NOW } };
    const again = revisedAlarm(done, { date: NOW + MINUTE }, NOW + 2);
    assert.deepEqual([again.status.active, again.next], [true, NOW + MINUTE]);
  });

  it('is refused if it changes nothing, or contradicts the existing alarm', () => {
    refuses(() => revisedAlarm(once({ date: NOW + 1 }), { cron: '* * * * *' }, NOW), NOTHING);
    refuses(() => revisedAlarm(interval({ minutes: 1 }), { trigger_payload: '' }, NOW), NOTHING);
    const stopping = interval({ minutes: 1, startDate: NOW + MINUTE, stopDate: NOW + 5 * MINUTE });
    const late = NOW + 9 * MINUTE;
    refuses(
      () => revisedAlarm(stopping, { startDate: late }, NOW),
      `startDate parameter '${late}' must be less than the stopDate parameter '${NOW + 5 * MINUTE}'`,
    );
    refuses(
      () => revisedAlarm(interval({ minutes: 1 }), { minutes: 0.5 }, NOW),
      'the minutes parameter must be an integer',
    );
  });
});

const NOTHING = 'no updatable parameters were specified';

describe('an alarm that is read', () => {
  it('returns its parameters and its state', () => {
    const trigger = { namespace: 'guest', name: 'tick' };
    const stopDate = NOW + 9 * MINUTE;
    assert.deepEqual(describeAlarm(trigger, cron({ cron: '* * * * *', timezone: 'Europe/Berlin', stopDate })), {
      config: {
        name: 'tick',
        namespace: 'guest',
        payload: {},
        strict: false,
        stopDate,
        cron: '* * * * *',
        timezone: 'Europe/Berlin',
      },
      status: { active: true, dateChanged: NOW, dateChangedISO: '2026-01-01T00:00:10Z' },
    });
    const { config } = describeAlarm(trigger, once({ date: NOW + 1, deleteAfterFire: true })) as { config: JsonObject };
    assert.deepEqual([config['date'], config['deleteAfterFire']], [NOW + 1, 'true']);
  });
});

describe('a paused alarm', () => {
  it('does not go off until it is resumed', () => {
    const paused = pausedAlarm(interval({ minutes: 1 }), NOW);
    assert.deepEqual([paused.status.active, paused.next, paused.status.reason?.kind], [false, undefined, 'USER']);
    assert.equal(unpausedAlarm(paused, NOW + 2 * MINUTE).next, NOW + 30_000 + 2 * MINUTE);
  });

  it('is not resumed if it was off for another reason', () => {
    const off = { ...interval({ minutes: 1 }), status: { active: false, dateChanged: 0 } };
    assert.equal(unpausedAlarm(off, NOW), off);
  });
});
