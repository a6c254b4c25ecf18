import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeAction, request, startCluster, type Cluster } from './cluster.js';
import { skipWithoutOwnBroker } from '../kafka/broker.js';

/** What one fault did. Times in ms from the kill. */
interface Row {
  accepted: number;
  refused: number;
  recorded: number;
  lost: number;
  'of them failures': number;
  'run twice': number;
  'first record after': number;
  'all recorded after': number;
}

const LOAD_MS = 7000;
const FAULT_AFTER_MS = 2000;
const DOWN_MS = 1500;
const EVERY_MS = 50;

/** An activation without an acknowledgement is given up after 15 s instead of 3 minutes. */
const IMPATIENT = {
  CONFIG_whisk_timeLimit_std: '10 s',
  CONFIG_whisk_timeLimit_max: '20 s',
  CONFIG_whisk_loadbalancer_timeoutFactor: '1',
  CONFIG_whisk_loadbalancer_timeoutAddon: '5 s',
};
const SETTLE_MS = 60_000;

describe('a steady load of non-blocking invocations', function () {
  this.timeout(300_000);
  let cluster: Cluster | undefined;
  let folder: string;
  const table: Record<string, Row> = {};

  before(async function () {
    skipWithoutOwnBroker(this);
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-faults-'));
    cluster = await startCluster({ environment: IMPATIENT });
    // Each run leaves a line behind, so that a second run of the same activation is seen.
    const code = `const fs = require('fs');
      function main({ file, ms }) {
        fs.appendFileSync(file, process.env.__OW_ACTIVATION_ID + '\\n');
        return new Promise((resolve) => setTimeout(() => resolve({ ok: true }), ms));
      }`;
    const { status, body } = await request(base(0), 'PUT', 'actions/steady?overwrite=true', nodeAction(code));
    assert.equal(status, 200, JSON.stringify(body));
    const warm = { file: join(folder, 'warm'), ms: 1 };
    for (const index of [0, 1]) await request(base(index), 'POST', 'actions/steady?blocking=true', warm);
  });
  after(async () => {
    if (!cluster) return;
    console.table(table);
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const parts = (): Cluster => cluster ?? assert.fail('no cluster');
  const base = (index: number): string => parts().topology.controllers[index % 2]?.url ?? '';

  const faults: Record<string, () => Promise<void>> = {
    'an invoker': async () => {
      const invoker = parts().topology.invokers[0];
      await invoker?.kill();
      await sleep(DOWN_MS);
      await invoker?.start();
    },
    'a controller': async () => {
      const controller = parts().topology.controllers[0];
      await controller?.kill();
      await sleep(DOWN_MS);
      await controller?.start();
    },
    'the broker': async () => {
      await parts().broker.kill();
      await sleep(DOWN_MS);
      await parts().broker.start();
    },
    'the database': async () => {
      await parts().couch.kill();
      await sleep(DOWN_MS);
      await parts().couch.start();
    },
  };

  for (const [name, fault] of Object.entries(faults)) {
    it(`survives the kill of ${name}: every accepted activation has its record`, async () => {
      const file = join(folder, name.replaceAll(' ', '-'));
      const row = await underLoad(file, fault);
      table[name] = row;
      await parts().topology.ready();
      assert.ok(row.accepted > 30, `only ${row.accepted} were accepted`);
      assert.equal(row.lost, 0);
    });
  }

  /** Invokes at a steady pace, makes the fault happen meanwhile, and looks for the record of each that was accepted. */
  async function underLoad(file: string, fault: () => Promise<void>): Promise<Row> {
    const accepted = new Map<string, number>();
    let refused = 0;
    const sending: Promise<void>[] = [];
    const begun = Date.now();
    let killedAt = 0;
    const failing = sleep(FAULT_AFTER_MS).then(() => {
      killedAt = Date.now();
      return fault();
    });
    for (let n = 0; Date.now() - begun < LOAD_MS; n++) {
      sending.push(
        invoke(n, file).then((id) => {
          if (id === undefined) refused++;
          else accepted.set(id, Date.now());
        }),
      );
      await sleep(EVERY_MS);
    }
    await Promise.all(sending);
    await failing;
    const records = new Map<string, { at: number; failed: boolean }>();
    for (const end = Date.now() + SETTLE_MS; records.size < accepted.size && Date.now() < end; await sleep(200)) {
      for (const id of accepted.keys()) {
        if (records.has(id)) continue;
        const { status, body } = await request(base(1), 'GET', `activations/${id}`).catch(() => ({
          status: 0,
          body: {},
        }));
        if (status !== 200) continue;
        const { success } = (body as { response: { success: boolean } }).response;
        // The record says when the run ended; one of a failure may have been written later.
        records.set(id, { at: success ? Number((body as { end: unknown }).end) : Date.now(), failed: !success });
      }
    }
    const after = [...records].flatMap(([id, { at }]) => ((accepted.get(id) ?? 0) > killedAt ? [at - killedAt] : []));
    const before = [...records.values()].map(({ at }) => at - killedAt);
    return {
      accepted: accepted.size,
      refused,
      recorded: records.size,
      lost: accepted.size - records.size,
      'of them failures': [...records.values()].filter(({ failed }) => failed).length,
      'run twice': runTwice(file, accepted),
      'first record after': Math.min(...after),
      'all recorded after': Math.max(...before),
    };
  }

  /** As a client behind a proxy: what one controller does not take goes to the other. */
  async function invoke(n: number, file: string): Promise<string | undefined> {
    for (const index of [n, n + 1]) {
      try {
        const { status, body } = await request(base(index), 'POST', 'actions/steady', { file, ms: 100 });
        if (status === 202) return String(body['activationId']);
      } catch {
        // Refused, or cut off before the answer: it was not accepted.
      }
    }
    return undefined;
  }
});

function runTwice(file: string, accepted: ReadonlyMap<string, number>): number {
  const runs = new Map<string, number>();
  for (const id of readFileSync(file, 'utf8').split('\n')) runs.set(id, (runs.get(id) ?? 0) + 1);
  return [...runs].filter(([id, count]) => count > 1 && accepted.has(id)).length;
}
