import assert from 'node:assert/strict';
import { startFaultCluster, type FaultCluster } from '../../bench/faults/cluster.js';
import { isSound, type Verdict } from '../../bench/faults/history.js';
import type { Load } from '../../bench/faults/load.js';
import { clusterLoad, trialRound } from '../../bench/faults/rounds.js';
import { DISTRIBUTED } from '../../bench/faults/trials.js';
import { skipWithoutOwnBroker } from '../kafka/broker.js';

/** The short form of `npm run bench:faults`: one round of each of these. */
const TRIALS = ['invoker killed', 'controller killed', 'broker killed', 'broker frozen', 'database killed'];
/** Any one does; a failure prints it with the round. */
const SEED = 13;

describe('a load of invocations', function () {
  this.timeout(600_000);
  let cluster: FaultCluster | undefined;
  let load: Load | undefined;
  const table: Record<string, Verdict> = {};

  before(async function () {
    skipWithoutOwnBroker(this);
    cluster = await startFaultCluster(1);
    load = clusterLoad(cluster);
    await load.install();
  });
  after(async () => {
    load?.close();
    if (cluster) console.table(table);
    await cluster?.close();
  });

  for (const name of TRIALS) {
    it(`survives the fault "${name}": nothing accepted is lost or runs twice, and all is answered in time`, async () => {
      const trial = DISTRIBUTED.find((each) => each.name === name);
      assert.ok(trial && cluster && load);
      const round = await trialRound(trial, 1, cluster, load, { seed: SEED });
      table[name] = round.verdict;
      assert.ok(isSound(round.verdict), JSON.stringify(round));
      assert.ok(round.verdict.accepted > 10, JSON.stringify(round));
    });
  }
});
