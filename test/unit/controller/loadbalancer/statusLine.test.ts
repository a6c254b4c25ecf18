import assert from 'node:assert/strict';
import { statusLine } from '../../../../controller/loadbalancer/statusLine.js';
import {
  finished,
  pinged,
  SUPERVISION,
  ticked,
  type Supervised,
} from '../../../../controller/loadbalancer/supervision.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const name = invokerInstance(3, 'host', 1024);
const ping = { name, isEnabled: true };
const { offlineAfterMs } = SUPERVISION;
const isNew = pinged(undefined, ping, 0, SUPERVISION).next;
const up = pinged(undefined, ping, 0, { ...SUPERVISION, trustNew: true }).next;
const line = (before: Supervised | undefined, next: Supervised, now = 0) =>
  statusLine(before, next, now, offlineAfterMs);

describe('the log line about the state of an invoker', () => {
  it('is information when the invoker is new or up, or leaves by its own word', () => {
    assert.deepEqual(line(undefined, isNew), {
      level: 'info',
      text: 'invoker3 is unhealthy until it passes its tests',
    });
    assert.deepEqual(line(isNew, finished(isNew, 'success', 0, SUPERVISION).next), {
      level: 'info',
      text: 'invoker3 is up',
    });
    const disabled = pinged(up, { name, isEnabled: false }, 0, SUPERVISION).next;
    assert.deepEqual(line(up, disabled), {
      level: 'info',
      text: 'invoker3 is down: its ping says that it is disabled or stops',
    });
  });

  it('warns of silence and of failures, with the reason', () => {
    const now = offlineAfterMs + 500;
    assert.deepEqual(line(up, ticked(up, now, SUPERVISION).next, now), {
      level: 'warn',
      text: 'invoker3 is down: no ping for 10 s',
    });
    const failed = finished(up, 'systemError', 0, SUPERVISION).next;
    assert.match(line(up, failed)?.text ?? '', /^invoker3 is unhealthy: activations failed by a fault of the invoker;/);
    const silent = finished(up, 'timeout', 0, SUPERVISION).next;
    assert.match(line(up, silent)?.text ?? '', /^invoker3 is unresponsive: activations were not acknowledged in time;/);
    assert.equal(line(up, failed)?.level, 'warn');
  });

  it('is missing while the state stays', () => {
    assert.equal(line(up, pinged(up, ping, 1000, SUPERVISION).next, 1000), undefined);
  });
});
