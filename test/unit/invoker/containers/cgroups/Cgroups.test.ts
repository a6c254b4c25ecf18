import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REMOVAL_PAUSES_MS } from '../../../../../invoker/containers/cgroups/Cgroup.js';
import { Cgroups, cpuWeight, LEFTOVER_PAUSES_MS } from '../../../../../invoker/containers/cgroups/Cgroups.js';
import { REMOVAL_MS } from '../../../../../invoker/pool/ContainerPool.js';
import { findHierarchies } from '../../../../../invoker/containers/cgroups/hierarchies.js';

const V1 = `25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
29 25 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
`;
const V2 = (path: string): string => `30 25 0:27 / ${path} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`;

describe('control groups', () => {
  it('are found in the hierarchies of version 1, also if version 2 has no controllers', () => {
    const expected = {
      version: 1,
      cpu: '/sys/fs/cgroup/cpu,cpuacct',
      memory: '/sys/fs/cgroup/memory',
      freezer: '/sys/fs/cgroup/freezer',
      pids: '/sys/fs/cgroup/pids',
    };
    assert.deepEqual(
      findHierarchies(V1, () => assert.fail('nothing to read')),
      expected,
    );
    assert.deepEqual(
      findHierarchies(V1 + V2('/sys/fs/cgroup/unified'), () => '\n'),
      expected,
    );
  });

  it('are found in version 2 if it has the controllers', () => {
    const read = (path: string): string => {
      assert.equal(path, '/sys/fs/cgroup/cgroup.controllers');
      return 'cpuset cpu io memory pids\n';
    };
    assert.deepEqual(findHierarchies(V2('/sys/fs/cgroup'), read), { version: 2, unified: '/sys/fs/cgroup' });
  });

  it('are not usable if a hierarchy is missing, and say so', async () => {
    const opened = await Cgroups.open('someone', undefined, V1.replace(/^.*freezer.*$/m, ''));
    assert.ok(!opened.usable);
    assert.match(opened.reason, /are not mounted here$/);
  });

  it('of version 2 limit memory without swap, processes and the share of the processor', async () => {
    const mount = mkdtempSync(join(tmpdir(), 'pw-cgroup2-'));
    try {
      writeFileSync(join(mount, 'cgroup.controllers'), 'cpu memory pids\n');
      const group = join(mount, 'palette-whisk/someone/one');
      mkdirSync(group, { recursive: true });
      writeFileSync(join(group, 'memory.swap.max'), 'max\n');
      const opened = await Cgroups.open('someone', 512, V2(mount));
      assert.ok(opened.usable);
      const made = await opened.cgroups.create('one', { memoryBytes: 1000, pids: 64, cpuShares: 256 });
      const read = (name: string): string => readFileSync(join(group, name), 'utf8');
      assert.equal(
        readFileSync(join(mount, 'palette-whisk/someone/cgroup.subtree_control'), 'utf8'),
        '+memory +pids +cpu',
      );
      assert.deepEqual(['memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max', 'cpu.weight'].map(read), [
        '1000',
        '0',
        '1',
        '64',
        '11',
      ]);
      assert.equal(readFileSync(join(mount, 'palette-whisk/cpu.weight'), 'utf8'), '50', 'all together');
      assert.equal(made.path, '/palette-whisk/someone/one');
      assert.deepEqual(made.paths, [group]);
      made.freeze();
      assert.equal(read('cgroup.freeze'), '1');
      made.thaw();
      assert.equal(read('cgroup.freeze'), '0');
      assert.equal(made.outOfMemory, false);
      writeFileSync(join(group, 'memory.events'), 'oom 1\noom_kill 1\n');
      assert.equal(made.outOfMemory, true);
    } finally {
      rmSync(mount, { recursive: true });
    }
  });

  it('are removed before the pool stops to wait, and those of an earlier run do not delay a start', () => {
    const sum = (pausesMs: readonly number[]): number => pausesMs.reduce((all, pause) => all + pause, 0);
    assert.ok(sum(REMOVAL_PAUSES_MS) < REMOVAL_MS - 5000, `${sum(REMOVAL_PAUSES_MS)} ms`);
    assert.ok(sum(LEFTOVER_PAUSES_MS) < 5000, `${sum(LEFTOVER_PAUSES_MS)} ms`);
  });

  it('have weights of version 2 within its bounds', () => {
    assert.deepEqual([2, 1024, 262_144, 1_000_000].map(cpuWeight), [1, 40, 10_000, 10_000]);
  });
});
