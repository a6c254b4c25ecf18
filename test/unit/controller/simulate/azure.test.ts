import assert from 'node:assert/strict';
import { readAzure2019, readAzure2021, traceEvents, TraceError } from '../../../../controller/simulate/index.js';

describe('the readers of the Azure Functions traces', () => {
  it('read the invocations of 2021 in the order of arrival, from 0 on', async () => {
    const trace = await readAzure2021(['app,func,end_timestamp,duration', 'appA,f1,100.5,0.5', 'appB,f2,100.2,1.2']);
    assert.deepEqual(
      [...traceEvents(trace)].map(({ t, ms, ...one }) => ({ t: Math.round(t), ms: Math.round(ms), ...one })),
      [
        { t: 0, color: 'appB', action: 'f2', reads: [['appB', 1]], writes: [], ms: 1200 },
        { t: 1000, color: 'appA', action: 'f1', reads: [['appA', 1]], writes: [], ms: 500 },
      ],
    );
  });

  const minutes = Array.from({ length: 1440 }, (_, i) => String(i + 1));
  const invocations = [
    ['HashOwner', 'HashApp', 'HashFunction', 'Trigger', ...minutes].join(','),
    ['o', 'appA', 'f1', 'http', ...minutes.map((minute) => (minute === '2' ? '3' : '0'))].join(','),
    ['o', 'appB', 'f2', 'timer', ...minutes.map((minute) => (minute === '1440' ? '1' : '0'))].join(','),
  ];
  const marks = ['0', '1', '25', '50', '75', '99', '100'].map((mark) => `percentile_Average_${mark}`);
  const durations = [
    ['HashOwner', 'HashApp', 'HashFunction', 'Average', 'Count', 'Minimum', 'Maximum', ...marks].join(','),
    'o,appA,f1,20,3,10,40,10,11,15,20,25,39,40',
  ];

  it('read the counts of 2019 with times in their minute and durations within the percentiles', async () => {
    const events = [...traceEvents(await readAzure2019(invocations, durations))];
    assert.equal(events.length, 4);
    for (const { t, color, ms } of events.slice(0, 3)) {
      assert.ok(t >= 60_000 && t < 120_000 && color === 'appA' && ms >= 10 && ms <= 40);
    }
    assert.ok((events[3]?.t ?? 0) >= 1439 * 60_000);
    assert.equal(events[3]?.ms, 1000);
    assert.equal([...traceEvents(await readAzure2019(invocations, durations, { from: 1, to: 2 }))].length, 3);
  });

  it('name the line and the column of a mistake', async () => {
    await assert.rejects(readAzure2021(['app,func,duration']), (error: unknown) => {
      assert.ok(error instanceof TraceError);
      assert.match(error.message, /line 1 .*end_timestamp/);
      return true;
    });
    await assert.rejects(readAzure2021(['app,func,end_timestamp,duration', 'a,f,1,x']), /line 2 .*duration is 'x'/);
  });
});
