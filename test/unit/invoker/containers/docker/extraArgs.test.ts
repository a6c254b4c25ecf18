import assert from 'node:assert/strict';
import { usableArgs, withExtraArgs } from '../../../../../invoker/containers/docker/extraArgs.js';
import { containerOptions, DEFAULT_DOCKER_SETTINGS } from '../../../../../invoker/containers/docker/settings.js';

const options = containerOptions(
  {
    name: 'c',
    image: { kind: 'k', reference: 'i', pull: false },
    memoryMB: 256,
    environment: { A: '1' },
    concurrency: 1,
  },
  { ...DEFAULT_DOCKER_SETTINGS, owner: 'me' },
);

describe('extra arguments of docker run', () => {
  it('are added to the settings of each container', () => {
    const changed = withExtraArgs(options, {
      env: ['B=2', 'C'],
      label: ['team=a', 'org.palette-whisk.owner=other'],
      'log-driver': ['json-file'],
      'log-opt': ['max-size=1m', 'max-file=2'],
      'cap-add': ['NET_RAW'],
      ulimit: ['core=0', 'nproc=10:20'],
      'shm-size': ['64m'],
      cpus: ['1.5'],
      'read-only': ['true'],
      tmpfs: ['/tmp:size=1m,mode=1777'],
      volume: ['/data:/data:ro'],
    });
    assert.deepEqual(changed.Env, ['A=1', 'B=2', 'C']);
    // The label by which the invoker finds its own containers cannot be replaced.
    assert.deepEqual(changed.Labels, { team: 'a', 'org.palette-whisk.owner': 'me' });
    const { HostConfig: host = {} } = changed;
    assert.deepEqual(host.LogConfig, { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } });
    assert.deepEqual(host.CapAdd, ['NET_RAW']);
    assert.deepEqual(host.Ulimits?.slice(1), [
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'nproc', Soft: 10, Hard: 20 },
    ]);
    assert.equal(host.ShmSize, 64 * 1024 * 1024);
    assert.equal(host.NanoCpus, 1.5e9);
    assert.equal(host.ReadonlyRootfs, true);
    assert.deepEqual(host.Tmpfs, { '/tmp': 'size=1m,mode=1777' });
    assert.deepEqual(host.Binds, ['/data:/data:ro']);
    assert.equal(host.Memory, options.HostConfig?.Memory);
    assert.deepEqual(options.Env, ['A=1']);
  });

  it('that are impossible end the start, in words', () => {
    assert.throws(() => usableArgs({ detach: ['true'] }), /docker run's --detach is not possible for actions/);
    assert.throws(() => usableArgs({ 'shm-size': ['much'] }), /docker run's --shm-size: 'much' is not a size/);
    assert.deepEqual(usableArgs({ env: ['A=1'] }), { env: ['A=1'] });
  });
});
