import assert from 'node:assert/strict';
import {
  TraceBuilder,
  parseTrace,
  TraceError,
  traceEvents,
  traceLines,
} from '../../../../controller/simulate/index.js';

const EVENTS = [
  { t: 5, color: 'b', action: 'write', reads: [], writes: [['x', 30] as const], ms: 2 },
  { t: 0, color: 'a', action: 'read', reads: [['x', 30] as const, ['y', 1] as const], writes: [], ms: 1 },
  { t: 5, color: null, action: 'read', reads: [], writes: [], ms: 0.5 },
];

describe('a trace', () => {
  it('has its invocations in the order of arrival, and those of one time in the order of addition', () => {
    const builder = new TraceBuilder();
    for (const event of EVENTS) builder.add(event);
    const [first, second, third] = EVENTS;
    assert.deepEqual([...traceEvents(builder.build())], [second, first, third]);
  });

  it('is the same after a round trip through lines', async () => {
    const builder = new TraceBuilder();
    for (let i = 0; i < 3000; i++) {
      builder.add({
        t: i,
        color: `c${i % 7}`,
        action: `a${i % 3}`,
        reads: [`o${i % 11}`, [`p${i % 5}`, 9]],
        ms: i % 4,
      });
    }
    const trace = builder.build();
    assert.deepEqual(await parseTrace(traceLines(trace)), trace);
  });

  it('may omit color, reads and writes, name objects without a size, and have empty lines', async () => {
    const trace = await parseTrace(['{"t":1,"action":"a","ms":2}', '', '{"t":0,"action":"a","ms":2,"reads":["k"]}']);
    assert.deepEqual(
      [...traceEvents(trace)],
      [
        { t: 0, color: null, action: 'a', reads: [['k', 1]], writes: [], ms: 2 },
        { t: 1, color: null, action: 'a', reads: [], writes: [], ms: 2 },
      ],
    );
  });

  for (const [line, text] of [
    ['{', /line 2 .* not JSON/],
    ['{"t":-1,"action":"a","ms":2}', /^line 2 of the trace: t: Too small: expected number to be >=0$/],
    ['[]', /^line 2 of the trace: Invalid input: expected object, received array$/],
    ['{"t":1,"action":"","ms":2}', /line 2 .*action/],
    ['{"t":1,"action":"a","ms":2,"reads":[["k"]]}', /line 2 .*reads/],
  ] as const) {
    it(`refuses ${line} with the number of its line`, async () => {
      await assert.rejects(parseTrace(['{"t":1,"action":"a","ms":2}', line]), (error: unknown) => {
        assert.ok(error instanceof TraceError);
        assert.match(error.message, text);
        return true;
      });
    });
  }
});
