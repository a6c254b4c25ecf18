import assert from 'node:assert/strict';
import { ociConfig, type ConfigOptions } from '../../../../../invoker/containers/oci/config.js';
import { hosts, resolvConf } from '../../../../../invoker/containers/oci/files.js';
import { parseSubnet } from '../../../../../invoker/containers/oci/OciNetworks.js';
import { resolveUser } from '../../../../../invoker/containers/oci/RootFilesystems.js';

const subnet = parseSubnet('10.213.0.0/16') ?? assert.fail('not a subnet');

describe('the network of an OCI runtime', () => {
  it('gives the machine the first address and containers the others, without that of the broadcast', () => {
    assert.equal(subnet.gateway, '10.213.0.1');
    assert.equal(subnet.address(0), '10.213.0.2');
    assert.equal(subnet.address(254), '10.213.1.0');
    assert.equal(subnet.size, 65_533);
    assert.equal(subnet.address(subnet.size - 1), '10.213.255.254');
  });

  it('is refused if it is not a network', () => {
    for (const text of ['10.213.0.0', '10.213.0.1/16', '10.256.0.0/16', '10.0.0.0/7', '10.0.0.0/29', 'fd00::/64', '']) {
      assert.equal(parseSubnet(text), undefined, text);
    }
  });
});

describe('the files of containers of an OCI runtime', () => {
  it('name the hosts that the settings add, and this machine', () => {
    const text = hosts(['api.example:192.0.2.2', 'six.example:fd00::2', 'host:host-gateway'], subnet);
    assert.match(text, /^127\.0\.0\.1\tlocalhost action$/m);
    assert.match(text, /^192\.0\.2\.2\tapi\.example$/m);
    assert.match(text, /^fd00::2\tsix\.example$/m);
    assert.match(text, /^10\.213\.0\.1\thost$/m);
  });

  it('keep the system’s resolvers except loopback ones, and replace those that the settings name', () => {
    const system = '# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.9\nsearch a.example\noptions edns0\n';
    const none = { dns: [], dnsSearch: [], dnsOptions: [] };
    assert.equal(resolvConf(none, system), 'nameserver 192.0.2.9\nsearch a.example\noptions edns0\n');
    const settings = { dns: ['192.0.2.1', '192.0.2.2'], dnsSearch: ['b.example'], dnsOptions: ['ndots:2'] };
    assert.equal(
      resolvConf(settings, system),
      'nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch b.example\noptions ndots:2\n',
    );
  });
});

describe('the user of an image', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\naction:x:10001:20002::/:/bin/sh\n';
  const group = 'root:x:0:\nstaff:x:50:\n';
  const cases: ReadonlyArray<readonly [string, number, number]> = [
    ['', 0, 0],
    ['action', 10_001, 20_002],
    ['10001', 10_001, 20_002],
    ['77', 77, 0],
    ['77:88', 77, 88],
    ['action:staff', 10_001, 50],
    ['action:5', 10_001, 5],
  ];
  for (const [user, uid, gid] of cases) {
    it(`'${user}' is ${uid}:${gid}`, () => assert.deepEqual(resolveUser(user, passwd, group), { uid, gid }));
  }

  it('is refused if the image does not know it', () => {
    assert.throws(() => resolveUser('nobody', passwd, group), { name: 'ContainerStartError', imageFault: true });
    assert.throws(() => resolveUser('action:nobody', passwd, group), /unable to find group nobody/);
  });
});

describe('the configuration of a container of an OCI runtime', () => {
  const OPTIONS: ConfigOptions = {
    spec: {
      name: 'a',
      image: { kind: 'k', reference: 'r', pull: false },
      memoryMB: 256,
      environment: { A: '1' },
      concurrency: 2,
      sharedFolder: '/shared/here',
    },
    image: { args: ['/run'], env: ['PATH=/bin'], cwd: '/work', user: { uid: 5, gid: 6 } },
    network: '/run/netns/n',
    etc: '/etc-files',
    openFiles: 10,
    addCapabilities: ['NET_BIND_SERVICE', 'CAP_KILL'],
    users: undefined,
  };
  const config = ociConfig(OPTIONS) as {
    process: {
      env: string[];
      user: object;
      cwd: string;
      capabilities: Record<string, string[]>;
      noNewPrivileges: boolean;
    };
    mounts: { destination: string; source: string; options: string[] }[];
    linux: {
      namespaces: { type: string; path?: string }[];
      seccomp: { syscalls: { names: string[]; errnoRet: number }[] };
    };
  };

  it('has the image’s and the container’s environment, user and folder', () => {
    assert.deepEqual(config.process.env, ['PATH=/bin', '__OW_ALLOW_CONCURRENT=true', 'A=1']);
    assert.deepEqual(config.process.user, { uid: 5, gid: 6 });
    assert.equal(config.process.cwd, '/work');
  });

  it('has only the added capabilities, no new privileges, and namespaces of its own', () => {
    assert.deepEqual(config.process.capabilities['bounding'], ['CAP_NET_BIND_SERVICE', 'CAP_KILL']);
    assert.deepEqual(config.process.capabilities['ambient'], []);
    assert.equal(config.process.noNewPrivileges, true);
    assert.deepEqual(
      config.linux.namespaces.map(({ type, path }) => path ?? type),
      ['pid', 'ipc', 'uts', 'mount', 'cgroup', '/run/netns/n'],
    );
  });

  it('refuses calls that act on the machine, and those that make namespaces', () => {
    const rule = (name: string) => config.linux.seccomp.syscalls.find(({ names }) => names.includes(name));
    for (const name of ['mount', 'unshare', 'bpf', 'reboot', 'ptrace', 'init_module', 'clone']) {
      assert.equal(rule(name)?.errnoRet, 1, name);
    }
    assert.equal(rule('clone3')?.errnoRet, 38);
    assert.equal(rule('read'), undefined);
  });

  it('maps users to those of this machine that nobody has, if it may', () => {
    assert.equal('uidMappings' in config.linux, false);
    const mapped = ociConfig({
      ...OPTIONS,
      users: { first: 70_000, sys: '/bundle/sys', shared: '/bundle/shared' },
    }) as typeof config & { linux: { uidMappings: object[]; gidMappings: object[] } };
    const mapping = [{ containerID: 0, hostID: 70_000, size: 65_536 }];
    assert.deepEqual([mapped.linux.uidMappings, mapped.linux.gidMappings], [mapping, mapping]);
    assert.ok(mapped.linux.namespaces.some(({ type }) => type === 'user'));
    const from = (destination: string) => mapped.mounts.find((mount) => mount.destination === destination)?.source;
    assert.equal(from('/sys'), '/bundle/sys');
    assert.equal(from('/run/palette-whisk'), '/bundle/shared');
  });

  it('sees the shared folder, and cannot write it', () => {
    const shared = config.mounts.find(({ source }) => source === '/shared/here');
    assert.ok(shared?.options.includes('ro'));
  });
});
