import assert from 'node:assert/strict';
import { Gauge, Registry } from 'prom-client';
import { MergedRegistry } from '../../../../shared/metrics/MergedRegistry.js';

describe('the metrics of all threads', () => {
  it('lack those of a thread that does not answer in time, or fails', async () => {
    const registry = new MergedRegistry(20);
    const thread = new Registry();
    new Gauge({ name: 'other', help: 'h', registers: [thread] }).set(7);
    new Gauge({ name: 'own', help: 'h', registers: [registry] }).set(1);
    registry.include(() => new Promise(() => undefined));
    registry.include(() => thread.getMetricsAsJSON());
    registry.include(() => Promise.reject(new Error('it has ended')));
    const text = await registry.metrics();
    assert.match(text, /^own 1$/m);
    assert.match(text, /^other 7$/m);
  });
});
