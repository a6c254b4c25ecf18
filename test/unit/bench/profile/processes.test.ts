import assert from 'node:assert/strict';
import { allProcesses, timesOfParts, type ProcessTime } from '../../../bench/profile/processes.js';

const one = (pid: number, parent: number, command: string, us: number): ProcessTime => ({ pid, parent, command, us });

describe('the processor time of the parts of an installation', () => {
  it('names the parts, and adds up the processes of each', () => {
    const processes = [
      one(1, 0, 'init', 1),
      one(10, 1, 'node dist/test/bench/profile/run.js', 2),
      one(11, 10, 'java -cp kafka.jar kafka.Kafka server.properties', 3),
      one(12, 10, 'node test/integration/couchdb/server.mjs /tmp/x 1234', 4),
      one(13, 10, 'node dist/controller/main.js 0', 5),
      one(14, 10, 'node dist/invoker/main.js --uniqueName invoker-0', 6),
      one(15, 14, 'node guardian.js', 7),
      one(16, 15, 'node runtime.js', 8),
      one(17, 10, 'mvn', 9),
    ];
    assert.deepEqual(
      [...timesOfParts(processes, 10)],
      [
        ['load', 2],
        ['broker', 3],
        ["CouchDB's stand-in", 4],
        ['controller', 5],
        ['invoker', 6],
        ['containers', 15],
        ['others', 9],
      ],
    );
  });

  it('leaves out processes of others', () => {
    const processes = [one(10, 1, 'node run.js', 2), one(20, 1, 'java kafka.Kafka', 3), one(21, 20, 'node', 4)];
    assert.deepEqual([...timesOfParts(processes, 10)], [['load', 2]]);
  });

  it('finds this process, with a growing time', () => {
    const time = (): number => timesOfParts(allProcesses(), process.pid).get('load') ?? Number.NaN;
    const before = time();
    assert.ok(before > 0);
    for (const end = process.cpuUsage().user + 30_000; process.cpuUsage().user < end;);
    assert.ok(time() > before);
  });
});
