import assert from 'node:assert/strict';
import { toApiError } from '../../../../controller/api/answers.js';
import { OwnershipEntitlement } from '../../../../controller/entitlement/OwnershipEntitlement.js';
import type { Privilege, Resource } from '../../../../controller/entitlement/Entitlement.js';
import { ALL_PRIVILEGES } from '../../../../controller/entitlement/rights.js';
import { Throttles } from '../../../../controller/entitlement/Throttles.js';
import { DEFAULT_LIMITS } from '../../../../shared/config/limits.js';
import type { PackageDocument } from '../../../../shared/entities/documents.js';
import type { Identity, UserLimits } from '../../../../shared/entities/identity.js';
import type { UserMetric } from '../../../../shared/events/UserEvents.js';
import { WrongEntityTypeError } from '../../../../shared/store/EntityStore.js';

function user(name: string, limits: UserLimits = {}, rights: readonly string[] = ALL_PRIVILEGES): Identity {
  return { subject: name, namespace: { name, uuid: `uuid-${name}` }, authkey: {}, rights: [...rights], limits };
}

function pkg(id: string, publish: boolean, bound?: string): PackageDocument {
  const [namespace = '', name = ''] = id.split('/');
  const [boundNamespace, boundName] = bound?.split('/') ?? [];
  return {
    _id: id,
    entityType: 'package',
    namespace,
    name,
    version: '0.0.1',
    publish,
    annotations: [],
    updated: 0,
    parameters: [],
    binding: bound === undefined ? {} : { namespace: boundNamespace, name: boundName },
  };
}

const packages = new Map(
  [
    pkg('sys/open', true),
    pkg('sys/closed', false),
    pkg('me/own', false),
    pkg('me/toOpen', false, 'sys/open'),
    pkg('me/toClosed', false, 'sys/closed'),
    pkg('me/toNothing', false, 'sys/nothing'),
    pkg('me/loopA', false, 'me/loopB'),
    pkg('me/loopB', false, 'me/loopA'),
    pkg('sys/bound', true, 'sys/open'),
  ].map((p) => [p._id, p]),
);

interface Options {
  limits?: Partial<typeof DEFAULT_LIMITS>;
  active?: number;
  now?: () => number;
  onMetric?: (metric: UserMetric, value: number) => void;
  allowedKinds?: string[];
}

function entitlement(options: Options = {}): OwnershipEntitlement {
  return new OwnershipEntitlement({
    packages: {
      async getPackage(id) {
        await Promise.resolve();
        if (id.endsWith('/anaction')) throw new WrongEntityTypeError(id, 'package');
        return packages.get(id);
      },
    },
    throttles: new Throttles({
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      clusterSize: () => 1,
      activeActivations: () => options.active ?? 0,
      clock: options.now ?? (() => 0),
      onMetric: options.onMetric,
    }),
    allowedKinds: options.allowedKinds,
  });
}

const me = user('me');
const action = (path: string, name?: string): Resource => ({ path, collection: 'actions', name });

async function outcome(privilege: Privilege, ...resources: Resource[]): Promise<string> {
  try {
    await entitlement().check(me, privilege, resources);
    return 'ok';
  } catch (error) {
    const { status, message } = toApiError(error);
    return `${status} ${message}`;
  }
}

const refused = (names: string): string => `403 The supplied authentication is not authorized to access '${names}'.`;

describe('OwnershipEntitlement', () => {
  it('allows owners everything in their namespace', async () => {
    for (const privilege of ALL_PRIVILEGES) assert.equal(await outcome(privilege, action('me', 'a')), 'ok');
    assert.equal(await outcome('READ', action('me')), 'ok');
    assert.equal(await outcome('PUT', action('me/own', 'a')), 'ok');
  });

  it('keeps others out', async () => {
    for (const privilege of ALL_PRIVILEGES) {
      assert.equal(await outcome(privilege, action('sys', 'a')), refused('sys/a'));
    }
    assert.equal(await outcome('READ', action('sys')), refused('sys'));
    assert.equal(await outcome('PUT', action('sys/open', 'a')), refused('sys/open/a'));
    assert.equal(await outcome('DELETE', action('sys/open', 'a')), refused('sys/open/a'));
  });

  it('allows everybody to read and run the entities of a published package', async () => {
    assert.equal(await outcome('READ', action('sys/open', 'a')), 'ok');
    assert.equal(await outcome('ACTIVATE', action('sys/open', 'a')), 'ok');
    assert.equal(await outcome('READ', { path: 'sys', collection: 'packages', name: 'open' }), 'ok');
    assert.equal(await outcome('READ', { path: 'sys', collection: 'packages' }), 'ok');
  });

  it('names the package if it is not published, or is missing', async () => {
    assert.equal(await outcome('READ', action('sys/closed', 'a')), refused('sys/closed'));
    assert.equal(await outcome('ACTIVATE', action('sys/nothing', 'a')), refused('sys/nothing'));
  });

  it('tells only the owner that a package is missing or something else', async () => {
    assert.equal(await outcome('READ', action('me/nothing', 'a')), '404 The requested resource does not exist.');
    assert.equal(
      await outcome('READ', action('me/anaction', 'a')),
      '409 Resource by this name exists but is not in this collection.',
    );
    assert.equal(await outcome('READ', action('sys/anaction', 'a')), refused('sys/anaction'));
  });

  it('follows bindings of the owner only', async () => {
    assert.equal(await outcome('ACTIVATE', action('me/toOpen', 'a')), 'ok');
    assert.equal(await outcome('ACTIVATE', action('me/toClosed', 'a')), refused('me/toClosed'));
    assert.equal(await outcome('ACTIVATE', action('me/toNothing', 'a')), refused('me/toNothing'));
    assert.equal(await outcome('ACTIVATE', action('sys/bound', 'a')), refused('sys/bound'));
    assert.match(await outcome('ACTIVATE', action('me/loopA', 'a')), /^422 .*circular reference/);
  });

  it('names all that is out of reach, once and in order', async () => {
    assert.equal(
      await outcome('PUT', action('z', 'b'), action('me', 'a'), action('a', 'b'), action('z', 'b')),
      refused('a/b, z/b'),
    );
  });

  it('honors a key with fewer rights', async () => {
    await assert.rejects(entitlement().check(user('me', {}, ['READ']), 'PUT', [action('me', 'a')]), {
      name: 'NotAuthorizedError',
      resources: ['me/a'],
    });
  });

  it('gives activations and limits to be read only', async () => {
    assert.equal(await outcome('READ', { path: 'me', collection: 'activations', name: 'x' }), 'ok');
    assert.equal(await outcome('DELETE', { path: 'me', collection: 'activations', name: 'x' }), refused('me/x'));
  });
});

describe('throttling', () => {
  it('refuses the invocation that is over the minute\u2019s limit, and tells the count', async () => {
    const metrics: string[] = [];
    const e = entitlement({ limits: { invocationsPerMinute: 2 }, onMetric: (m, v) => metrics.push(`${m} ${v}`) });
    await e.check(me, 'ACTIVATE', [action('me', 'a')]);
    await e.check(me, 'ACTIVATE', [action('me', 'a'), action('me', 'b')]);
    await assert.rejects(e.check(me, 'ACTIVATE', [action('me', 'a')]), {
      name: 'ThrottledError',
      limit: 'per minute',
      count: 3,
      allowed: 2,
    });
    await e.check(me, 'ACTIVATE', [action('me', 'a')], { throttle: false });
    await e.check(me, 'READ', [action('me', 'a')]);
    assert.deepEqual(metrics, ['ConcurrentInvocations 1', 'ConcurrentInvocations 1', 'TimedRateLimit 1']);
  });

  it('refuses invocations over the limit of concurrent ones', async () => {
    await assert.rejects(entitlement({ active: 30 }).check(me, 'ACTIVATE', [action('me', 'a')]), {
      name: 'ThrottledError',
      limit: 'concurrent',
      count: 30,
      allowed: 30,
    });
    await entitlement({ active: 29 }).check(me, 'ACTIVATE', [action('me', 'a')]);
  });

  it('counts fires apart from invocations', async () => {
    const trigger: Resource = { path: 'me', collection: 'triggers', name: 't' };
    const e = entitlement({ limits: { firesPerMinute: 1, invocationsPerMinute: 1 } });
    await e.check(me, 'ACTIVATE', [trigger]);
    await e.check(me, 'ACTIVATE', [action('me', 'a')]);
    await assert.rejects(e.check(me, 'ACTIVATE', [trigger]), { name: 'ThrottledError' });
  });

  it('takes a namespace\u2019s own limits before the installation\u2019s', async () => {
    const rich = user('me', { invocationsPerMinute: 3, concurrentInvocations: 100 });
    const e = entitlement({ limits: { invocationsPerMinute: 1, concurrentInvocations: 0 }, active: 99 });
    for (let i = 0; i < 3; i++) await e.check(rich, 'ACTIVATE', [action('me', 'a')]);
    await assert.rejects(e.check(rich, 'ACTIVATE', [action('me', 'a')]), { name: 'ThrottledError' });
  });

  it('begins anew with the next minute', async () => {
    let now = 59_000;
    const e = entitlement({ limits: { invocationsPerMinute: 1 }, now: () => now });
    await e.check(me, 'ACTIVATE', [action('me', 'a')]);
    await assert.rejects(e.check(me, 'ACTIVATE', [action('me', 'a')]));
    now = 60_000;
    await e.check(me, 'ACTIVATE', [action('me', 'a')]);
  });
});

describe('checkKind', () => {
  it('allows every kind without lists of kinds', () => {
    entitlement().checkKind(me, 'nodejs:20');
  });

  it('allows the kinds that the installation or the namespace lists', () => {
    const e = entitlement({ allowedKinds: ['nodejs:20'] });
    e.checkKind(me, 'nodejs:20');
    e.checkKind(user('me', { allowedKinds: ['blackbox'] }), 'blackbox');
    assert.throws(() => e.checkKind(me, 'blackbox'), { name: 'KindNotAllowedError', kind: 'blackbox' });
    assert.throws(() => entitlement().checkKind(user('me', { allowedKinds: ['a'] }), 'b'), {
      name: 'KindNotAllowedError',
      kind: 'b',
    });
  });
});
