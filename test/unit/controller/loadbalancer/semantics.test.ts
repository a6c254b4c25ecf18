import assert from 'node:assert/strict';
import { activationMessage } from './messages.js';
import { HELLO, installation, settle } from './installation.js';
import { POLICY_NAMES } from '../../../../shared/colors/ColorPolicy.js';
import { boundedColor, colorOf } from '../../../../shared/colors/colorOf.js';
import {
  decodeActivationMessage,
  encodeActivationMessage,
  type ActivationMessage,
} from '../../../../shared/messages/activation.js';

/*
 * What colors mean, sentence by sentence (docs/colors.md, "What a color means"), as far as the controller answers for it;
 * the second level, color to container, is the pool's, and so are the annotations of the record.
 */

const guest = activationMessage().user;
const inNamespace = (name: string, limits = {}): Partial<ActivationMessage> => ({
  user: { ...guest, namespace: { name, uuid: `${name}-uuid` }, limits },
});
const sources = { parameters: {}, activationId: 'a'.repeat(32) };

describe('colors mean:', () => {
  it('"A color may be ignored at any time: an invoker that is full never holds up or fails a colored invocation."', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 3, memory: 256, hold: true });
    const balancer = await start('0');
    await pingAll();
    const used = new Set<number>();
    for (let i = 0; i < 3; i++) used.add((await invoke(balancer, '0', { value: 'hot' })).invoker);
    assert.equal(used.size, 3, 'each of them had room for one');
    await invoke(balancer, '0', { value: 'hot' });
    await balancer.close();
  });

  it('"An invoker that is unhealthy or gone never holds up or fails a colored invocation."', async () => {
    const { start, ping, pingAll, invoke } = await installation({ invokers: 3 });
    const balancer = await start('0');
    await pingAll();
    const { invoker: home } = await invoke(balancer, '0', { value: 'blue' });
    await ping(home, false);
    await settle();
    const spilled = await invoke(balancer, '0', { value: 'blue' });
    assert.notEqual(spilled.invoker, home);
    assert.deepEqual(spilled.message.color, { value: 'blue', hit: false });
    await ping(home);
    await settle();
    assert.equal((await invoke(balancer, '0', { value: 'blue' })).invoker, home, 'and comes home again');
    await balancer.close();
  });

  it('"Spilling is deterministic, so that a hot color grows a small set of homes."', async () => {
    const { start, pingAll, invoke, finish, arrivals } = await installation({ invokers: 8, memory: 512, hold: true });
    const balancer = await start('0');
    await pingAll();
    const growth: number[][] = [];
    for (let round = 0; round < 3; round++) {
      const went: number[] = [];
      for (let i = 0; i < 6; i++) went.push((await invoke(balancer, '0', { value: 'hot' })).invoker);
      growth.push(went);
      await settle();
      await Promise.all(arrivals.splice(0).map(finish));
      await settle();
    }
    assert.equal(new Set(growth[0]).size, 3, 'as many as six at a time need');
    assert.deepEqual(growth[1], growth[0], 'the same set, in the same order');
    assert.deepEqual(growth[2], growth[0]);
    await balancer.close();
  });

  it('"Where a color comes from, the first that is there: the header, the annotation, the cause, none."', () => {
    const all = { ...sources, header: 'header', annotation: 'annotation', inherited: 'cause' };
    assert.equal(colorOf(all), 'header');
    assert.equal(colorOf({ ...all, header: undefined }), 'annotation');
    assert.equal(colorOf({ ...all, header: undefined, annotation: undefined }), 'cause');
    assert.equal(colorOf(sources), undefined);
  });

  it("\"The annotation is a template: 'blue' gives every invocation the color blue; '{postId}' takes it from the parameters.\"", () => {
    const parameters = { postId: 17, user: { id: 'ann' } };
    assert.equal(colorOf({ ...sources, annotation: 'blue' }), 'blue');
    assert.equal(colorOf({ ...sources, parameters, annotation: '{postId}' }), '17');
    assert.equal(colorOf({ ...sources, parameters, annotation: 'user-{user.id}' }), 'user-ann');
  });

  it('"A value that is missing, null or empty means no color."', () => {
    for (const parameters of [{}, { postId: null }, { postId: '' }]) {
      assert.equal(colorOf({ ...sources, parameters, annotation: '{postId}' }), undefined);
    }
  });

  it('"On a sequence, \'{$activation}\' gives each run of the sequence a color of its own."', () => {
    const run = (activationId: string) => colorOf({ ...sources, activationId, annotation: '{$activation}' });
    assert.notEqual(run('a'.repeat(32)), run('b'.repeat(32)));
  });

  it('"Two actions of one namespace with the same color share a home."', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 8 });
    const balancer = await start('0');
    await pingAll();
    const other = { ...HELLO, name: { path: 'guest', name: 'other', version: '0.0.7' } };
    for (let i = 0; i < 50; i++) {
      const one = await invoke(balancer, '0', { value: `c${i}` });
      const two = await invoke(balancer, '0', { value: `c${i}` }, {}, other);
      assert.equal(one.invoker, two.invoker);
    }
    await balancer.close();
  });

  it('"A color belongs to a namespace."', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 8 });
    const balancer = await start('0');
    await pingAll();
    let same = 0;
    for (let i = 0; i < 200; i++) {
      const one = await invoke(balancer, '0', { value: `c${i}` }, inNamespace('one'));
      const two = await invoke(balancer, '0', { value: `c${i}` }, inNamespace('two'));
      if (one.invoker === two.invoker) same++;
    }
    assert.ok(same > 5 && same < 60, `${same} of 200 by chance, an eighth`);
    await balancer.close();
  });

  it('"Any string up to 256 bytes as it is, a longer one by its hash."', () => {
    assert.equal(boundedColor('é'.repeat(128)), 'é'.repeat(128));
    assert.match(boundedColor('é'.repeat(129)), /^[0-9a-f]{64}$/);
  });

  it('"The balancer maps color to invoker": the message carries the color and whether it met its home, and no more', async () => {
    const { start, pingAll, invoke, arrivals } = await installation({ invokers: 4 });
    const balancer = await start('0');
    await pingAll();
    await invoke(balancer, '0', { value: 'blue' });
    await invoke(balancer, '0');
    await settle();
    assert.deepEqual(arrivals[0]?.message.color, { value: 'blue', hit: true });
    assert.equal('color' in (arrivals[1]?.message ?? {}), false, 'an uncolored message is as without colors');
    const sent = arrivals[0]?.message;
    assert.ok(sent);
    assert.deepEqual(decodeActivationMessage(encodeActivationMessage(sent)).color, { value: 'blue', hit: true });
    await balancer.close();
  });

  it('"Uncolored invocations use OpenWhisk\'s own sharding algorithm", whatever the policy', async () => {
    const went: number[] = [];
    for (const policy of POLICY_NAMES) {
      const { start, pingAll, invoke } = await installation({ invokers: 5, policy });
      const balancer = await start('0');
      await pingAll();
      await invoke(balancer, '0', { value: 'blue' });
      went.push((await invoke(balancer, '0')).invoker);
      await balancer.close();
    }
    assert.equal(new Set(went).size, 1);
  });

  it('the limits of a namespace may name a policy, and so may an action', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 4 });
    const balancer = await start('0');
    await pingAll();
    await invoke(balancer, '0', { value: 'a' }, inNamespace('one', { colorPolicy: 'least-assigned' }));
    await invoke(balancer, '0', { value: 'a', policy: 'round-robin' }, inNamespace('one', { colorPolicy: 'random' }));
    await invoke(balancer, '0', { value: 'a', policy: 'no-such' });
    assert.deepEqual(
      balancer.colors.view().inUse.map(({ policy }) => policy),
      ['least-assigned', 'round-robin', 'consistent-hashing'],
    );
    await balancer.close();
  });
});
