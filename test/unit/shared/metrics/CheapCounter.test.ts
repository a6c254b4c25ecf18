import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AggregatorRegistry, Counter, Registry } from 'prom-client';
import { CheapCounter } from '../../../../shared/metrics/CheapCounter.js';

const OPTIONS = { name: 'events_total', help: 'Some "events"', labelNames: ['place', 'kind'] as const };

/** The same increments in both counters. */
function counted(places: readonly string[]) {
  const registries = { cheap: new Registry(), plain: new Registry() };
  const cheap = new CheapCounter({ ...OPTIONS, registers: [registries.cheap] });
  const plain = new Counter({ ...OPTIONS, registers: [registries.plain] });
  const bound = new Map<string, () => void>();
  for (const place of places) {
    let count = bound.get(place);
    if (!count) bound.set(place, (count = cheap.bind({ place, kind: 'k' })));
    count();
    plain.inc({ place, kind: 'k' });
  }
  return registries;
}

/** As another thread gets it, without exemplars, which neither has. */
const parsed = (metrics: unknown): unknown =>
  JSON.parse(JSON.stringify(metrics, (key, value: unknown) => (key === 'exemplar' ? undefined : value)));

describe('CheapCounter', () => {
  it('has the text and the JSON of prom-client, at each collection', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'b"', 'c\n')), async (places) => {
        const { cheap, plain } = counted(places);
        assert.equal(await cheap.metrics(), await plain.metrics());
        assert.equal(await cheap.metrics(), await plain.metrics());
        const [ours, theirs] = await Promise.all(
          [cheap, plain].map(async (each) => parsed(await each.getMetricsAsJSON())),
        );
        assert.deepEqual(ours, theirs);
      }),
    );
  });

  it('is added up with those of other threads', async () => {
    const { cheap } = counted(['a', 'a']);
    const both = [await cheap.getMetricsAsJSON(), await cheap.getMetricsAsJSON()];
    assert.match(await AggregatorRegistry.aggregate(both).metrics(), /events_total\{place="a",kind="k"\} 4/);
  });

  it('has no lines for labels without increments, and refuses unknown labels', async () => {
    const registry = new Registry();
    const cheap = new CheapCounter({ ...OPTIONS, registers: [registry] });
    cheap.bind({ place: 'a', kind: 'k' });
    assert.equal(await registry.metrics(), '# HELP events_total Some "events"\n# TYPE events_total counter\n');
    assert.throws(() => cheap.bind(JSON.parse('{"other":"a"}') as { place: string }), /label/);
  });
});
