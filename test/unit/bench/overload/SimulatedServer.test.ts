import assert from 'node:assert/strict';
import { rowOf, type ReadsOptions, type Row } from '../../../bench/overload/reads.js';
import { SimulatedServer } from '../../../bench/overload/SimulatedServer.js';

/** What remains of a load of a rate for some seconds, after each container has read for a while. */
async function after(options: ReadsOptions, rate: number, seconds: number): Promise<{ row: Row; underWay: number }> {
  const server = new SimulatedServer(options);
  await server.offer(25, 60);
  const offered = await server.offer(rate, seconds);
  return { row: rowOf(offered), underWay: offered.underWay.at(-1) ?? NaN };
}

describe('the controller and the invokers together', () => {
  it('keep colors at home and in memory at 1.8 times the rate that saturates them without colors', async () => {
    const saturated = 40;
    const plain = await after({ colored: false }, saturated, 30);
    assert.ok(plain.row.memory < 0.6 && plain.underWay > 30, JSON.stringify(plain));
    const colored = await after({ colored: true }, 1.8 * saturated, 30);
    assert.ok(colored.row.home > 0.95 && colored.row.memory > 0.9, JSON.stringify(colored));
    assert.ok(colored.underWay < 30, JSON.stringify(colored));
  });

  it('bring them back after a burst', async () => {
    const server = new SimulatedServer({ colored: true });
    await server.offer(25, 60);
    await server.offer(150, 5);
    await server.offer(60, 10);
    const { home, memory, p99 } = rowOf(await server.offer(60, 20));
    assert.ok(home > 0.95 && memory > 0.9 && p99 < 1000, JSON.stringify({ home, memory, p99 }));
  });
});
