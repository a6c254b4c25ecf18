import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Alarm, Schedule } from '../../../../../controller/catalog/alarms/Alarm.js';
import {
  BadScheduleError,
  isDue,
  nextTime,
  parseCron,
  switchedOn,
  wentOff,
} from '../../../../../controller/catalog/alarms/schedule.js';

const at = (text: string): number => Date.parse(text);
const MINUTE = 60_000;

function alarm(schedule: Schedule, more: Partial<Alarm> = {}): Alarm {
  return { schedule, payload: {}, maxTriggers: -1, status: { active: true, dateChanged: 0 }, next: 0, ...more };
}

describe('a cron pattern', () => {
  it('has five fields, or six with seconds, and counts in UTC', () => {
    const after = at('2026-01-01T00:00:30Z');
    assert.equal(nextTime({ kind: 'cron', cron: '* * * * *' }, after), at('2026-01-01T00:01:00Z'));
    assert.equal(nextTime({ kind: 'cron', cron: '*/20 * * * * *' }, after), at('2026-01-01T00:00:40Z'));
    assert.equal(nextTime({ kind: 'cron', cron: '0 9 8 * *' }, after), at('2026-01-08T09:00:00Z'));
  });

  it('counts in another timezone if one is given', () => {
    const schedule = { kind: 'cron', cron: '0 9 * * *', timezone: 'America/New_York' } as const;
    assert.equal(nextTime(schedule, at('2026-01-01T00:00:00Z')), at('2026-01-01T14:00:00Z'));
  });

  it('is refused if it is invalid', () => {
    for (const pattern of ['1700000000000', '2030-01-01T00:00:00Z', '60 * * * *', 'a b c d e', '* * * * * * *', '']) {
      assert.throws(
        () => parseCron(pattern, undefined),
        new BadScheduleError(`cron pattern '${pattern}' is not valid`),
      );
    }
    assert.throws(() => parseCron('* * * * *', 'America/RTP'), new BadScheduleError('Invalid timezone.'));
  });

  it('begins after its start date, and ends at its stop date', () => {
    const schedule = {
      kind: 'cron',
      cron: '0 * * * *',
      startDate: '2026-01-02T00:30:00Z',
      stopDate: '2026-01-02T02:00:00Z',
    } as const;
    assert.equal(nextTime(schedule, at('2026-01-01T00:00:00Z')), at('2026-01-02T01:00:00Z'));
    assert.equal(nextTime(schedule, at('2026-01-02T01:00:00Z')), at('2026-01-02T02:00:00Z'));
    assert.equal(nextTime(schedule, at('2026-01-02T02:00:00Z')), undefined);
  });
});

describe('an interval', () => {
  it('goes off at its start date and then every so many minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.nat(1e9),
        fc.integer({ min: -1e9, max: 1e10 }),
        (minutes, start, after) => {
          const next = nextTime({ kind: 'interval', minutes, startDate: start }, after) ?? Number.NaN;
          assert.ok(next > after);
          assert.ok(next >= start);
          assert.equal((next - start) % (minutes * MINUTE), 0);
          assert.ok(next === start || next - after <= minutes * MINUTE);
        },
      ),
    );
  });

  it('ends at its stop date', () => {
    const schedule = { kind: 'interval', minutes: 1, startDate: 0, stopDate: 2 * MINUTE } as const;
    assert.equal(nextTime(schedule, MINUTE), 2 * MINUTE);
    assert.equal(nextTime(schedule, 2 * MINUTE), undefined);
  });
});

describe('an alarm', () => {
  it('is due from its time on, while it is active', () => {
    const once = alarm({ kind: 'once', date: 100 }, { next: 100 });
    assert.deepEqual([isDue(once, 99), isDue(once, 100), isDue(once, 1e9)], [false, true, true]);
    assert.equal(isDue({ ...once, status: { active: false, dateChanged: 0 } }, 100), false);
  });

  it('that goes off once is off after that', () => {
    const off = wentOff(alarm({ kind: 'once', date: 100 }, { next: 100 }), 120);
    assert.deepEqual(off.status, {
      active: false,
      dateChanged: 120,
      reason: { kind: 'AUTO', message: 'Automatically disabled after firing once' },
    });
    assert.equal(off.next, undefined);
  });

  it('goes off as often as it may', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (maxTriggers) => {
        let ringing = alarm({ kind: 'interval', minutes: 1, startDate: 0 }, { maxTriggers, triggersLeft: maxTriggers });
        let times = 0;
        for (let now = 0; ringing.status.active && times < 100; now += MINUTE) {
          ringing = wentOff(ringing, now);
          times++;
        }
        assert.equal(times, maxTriggers);
        assert.equal(ringing.status.reason?.message, 'Automatically disabled after reaching max triggers');
      }),
    );
  });

  it('does not make up for missed times', () => {
    const late = wentOff(alarm({ kind: 'interval', minutes: 1, startDate: 0 }, { next: MINUTE }), 10.5 * MINUTE);
    assert.equal(late.next, 11 * MINUTE);
  });

  it('is off after its last time before the stop date, and stays off when that is over', () => {
    const schedule = { kind: 'interval', minutes: 1, startDate: 0, stopDate: 90_000 } as const;
    const last = wentOff(alarm(schedule, { next: MINUTE }), MINUTE);
    assert.equal(last.status.reason?.message, 'Automatically disabled after firing last scheduled interval trigger');
    assert.equal(switchedOn(last, MINUTE).status.active, false);
    assert.equal(switchedOn(last, 0).next, MINUTE);
  });
});
