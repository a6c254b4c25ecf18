import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AggregatorRegistry, Histogram, Registry } from 'prom-client';
import { CheapHistogram } from '../../../../shared/metrics/CheapHistogram.js';

const OPTIONS = { name: 'seconds', help: 'Some "time"', buckets: [0.1, 0.5, 1] };
const LABELS = ['place', 'kind'] as const;

/** The same values in both histograms. */
function observed(values: readonly { readonly place: string; readonly value: number }[]) {
  const registries = { cheap: new Registry(), plain: new Registry() };
  const cheap = new CheapHistogram({ ...OPTIONS, labelNames: LABELS, registers: [registries.cheap] });
  const plain = new Histogram({ ...OPTIONS, labelNames: LABELS, registers: [registries.plain] });
  const bound = new Map<string, (value: number) => void>();
  for (const { place, value } of values) {
    let observe = bound.get(place);
    if (!observe) bound.set(place, (observe = cheap.bind({ place, kind: 'k' })));
    observe(value);
    plain.observe({ place, kind: 'k' }, value);
  }
  return registries;
}

/** As another thread gets it, without exemplars, which neither has. */
const parsed = (metrics: unknown): unknown =>
  JSON.parse(JSON.stringify(metrics, (key, value: unknown) => (key === 'exemplar' ? undefined : value)));

const someValues = fc.array(
  fc.record({
    place: fc.constantFrom('a', 'b"', 'c\n'),
    value: fc.oneof(fc.constantFrom(0.1, 0.5, 1, 0, -1), fc.double({ noNaN: true, noDefaultInfinity: true })),
  }),
);

describe('CheapHistogram', () => {
  it('has the text and the JSON of prom-client', async () => {
    await fc.assert(
      fc.asyncProperty(someValues, async (values) => {
        const { cheap, plain } = observed(values);
        assert.equal(await cheap.metrics(), await plain.metrics());
        const [ours, theirs] = await Promise.all(
          [cheap, plain].map(async (each) => parsed(await each.getMetricsAsJSON())),
        );
        assert.deepEqual(ours, theirs);
      }),
    );
  });

  it('has lines before its first value if it has no labels', async () => {
    const registries = [new Registry(), new Registry()] as const;
    const observe = new CheapHistogram({ ...OPTIONS, registers: [registries[0]] }).bind({});
    const plain = new Histogram({ ...OPTIONS, registers: [registries[1]] });
    assert.equal(await registries[0].metrics(), await registries[1].metrics());
    observe(0.2);
    plain.observe(0.2);
    assert.equal(await registries[0].metrics(), await registries[1].metrics());
  });

  it('is added up with those of other threads, more than once', async () => {
    const { cheap } = observed([{ place: 'a', value: 0.3 }]);
    const read = async (): Promise<string> => AggregatorRegistry.aggregate([await cheap.getMetricsAsJSON()]).metrics();
    const first = await read();
    assert.match(first, /seconds_bucket\{le="0.5",place="a",kind="k"\} 1/);
    assert.equal(await read(), first);
  });

  it('has no lines for labels without values, and refuses unknown labels', async () => {
    const registry = new Registry();
    const cheap = new CheapHistogram({ ...OPTIONS, labelNames: ['place'], registers: [registry] });
    cheap.bind({ place: 'a' });
    assert.equal(await registry.metrics(), '# HELP seconds Some "time"\n# TYPE seconds histogram\n');
    assert.throws(() => cheap.bind(JSON.parse('{"other":"a"}') as { place: string }), /label/);
  });
});
