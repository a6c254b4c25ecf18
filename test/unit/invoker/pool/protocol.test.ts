import assert from 'node:assert/strict';
import { executableAction } from '../../../../invoker/activations/ExecutableAction.js';
import { argumentsOf, initBody, runBody, unlock, UnreadableParameterError } from '../../../../invoker/pool/protocol.js';
import type { RequestBody } from '../../../../invoker/containers/ContainerDriver.js';
import { LargeCode } from '../../../../shared/entities/LargeCode.js';
import { action, executable, message, NODE_IMAGE } from './setup.js';

describe('the protocol of action containers', () => {
  describe('arguments', () => {
    it('are an empty object if they are missing, and an unchanged array', () => {
      assert.deepEqual(argumentsOf(message({ content: undefined })), { environment: {}, parameters: {} });
      assert.deepEqual(argumentsOf(message({ content: [1, 'two'], initArgs: ['0'] })), {
        environment: {},
        parameters: [1, 'two'],
      });
    });

    it('are parted into the environment and the rest', () => {
      const sent = message({ content: { A: 'a', b: 1, C: null }, initArgs: ['A', 'C', 'missing'] });
      assert.deepEqual(argumentsOf(sent), { environment: { A: 'a', C: null }, parameters: { b: 1 } });
    });

    it('are decrypted by the cipher that each one names, in a copy', () => {
      const content = { plain: 'p', locked: 'c2VjcmV0', number: 5 };
      const sent = message({ content, lockedArgs: { locked: 'aes-256', number: 'aes-128', missing: 'aes-128' } });
      const { content: parameters } = unlock(sent, (cipher, value) => `${cipher} of ${value}`);
      assert.deepEqual(parameters, { plain: 'p', locked: 'aes-256 of c2VjcmV0', number: 5 });
      assert.equal(content.locked, 'c2VjcmV0');
    });

    it('that cannot be decrypted are named, and their value is not', () => {
      const sent = message({ content: { mine: 'c2VjcmV0' }, lockedArgs: { mine: 'aes-256' } });
      const refuse = (): never => {
        throw new Error('unable to authenticate data');
      };
      assert.throws(
        () => unlock(sent, refuse),
        (error: unknown) =>
          error instanceof UnreadableParameterError &&
          error.message.includes("'mine'") &&
          error.message.includes('aes-256') &&
          !error.message.includes('c2VjcmV0'),
      );
    });
  });

  describe('/init', () => {
    async function textOf(body: Promise<RequestBody>): Promise<string> {
      const text = await body;
      assert.ok(typeof text === 'string');
      return text;
    }

    it('has the code and the environment, every value a text', async () => {
      const sent = message({ transid: { id: 'tid', start: 0 }, activationId: 'f'.repeat(32) });
      const environment = { TEXT: 'text', NUMBER: 1.5, FLAG: true, NOTHING: null, LIST: [1, { a: 2 }] };
      assert.deepEqual(JSON.parse(await textOf(initBody(sent, executable(), environment, 61_000))), {
        value: {
          name: 'hello',
          main: 'main',
          binary: false,
          code: 'function main() {}',
          env: {
            TEXT: 'text',
            NUMBER: '1.5',
            FLAG: 'true',
            NOTHING: '',
            LIST: '[1,{"a":2}]',
            __OW_API_KEY: 'uuid:key',
            __OW_NAMESPACE: 'guest',
            __OW_ACTION_NAME: '/guest/hello',
            __OW_ACTION_VERSION: '0.0.1',
            __OW_ACTIVATION_ID: 'f'.repeat(32),
            __OW_TRANSACTION_ID: 'tid',
            __OW_DEADLINE: '61000',
          },
        },
      });
    });

    it('names the main function, marks binary code, and has no code if the image contains it', async () => {
      const zipped = executable({ exec: { kind: 'nodejs:20', code: 'UEsDBA==', binary: true, main: 'start' } });
      const body = JSON.parse(await textOf(initBody(message(), zipped, {}, 0))) as { value: Record<string, unknown> };
      assert.equal(body.value['binary'], true);
      assert.equal(body.value['main'], 'start');
      const image = executable({ exec: { kind: 'blackbox', image: 'me/mine' } });
      assert.equal(
        'code' in (JSON.parse(await textOf(initBody(message(), image, {}, 0))) as { value: object }).value,
        false,
      );
    });
  });

  describe('/init of large code', () => {
    for (const [what, binary, bytes] of [
      ['text', false, Buffer.from('// é😀 "quoted"\n'.repeat(80_000))],
      ['a binary', true, Buffer.from(Array.from({ length: 1_500_001 }, (_, i) => (i * 7) % 251))],
    ] as const) {
      it(`is what it would be in one piece, for ${what}`, async () => {
        const code = new LargeCode(bytes.length, async () => bytes);
        const large = executable({ exec: { kind: 'nodejs:20', code, binary } });
        const sent = message();
        const body = await initBody(sent, large, {}, 0, bytes);
        assert.ok(typeof body === 'object');
        const pieces: Uint8Array[] = [];
        for await (const piece of body.pieces()) pieces.push(piece);
        assert.ok(pieces.length > 4);
        const text = Buffer.concat(pieces).toString();
        assert.equal(Buffer.byteLength(text), body.bytes);
        const small = executable({
          exec: { kind: 'nodejs:20', code: bytes.toString(binary ? 'base64' : 'utf8'), binary },
        });
        const expected = await initBody(sent, small, {}, 0);
        assert.ok(typeof expected === 'string');
        assert.deepEqual(JSON.parse(text), JSON.parse(expected));
      });
    }
  });

  describe('/run', () => {
    it('has the parameters and the public properties of the activation', () => {
      const sent = message({
        action: { path: 'guest/pkg', name: 'say "hi"', version: '1.2.3', binding: 'other/bound' },
        transid: { id: 'tid', start: 0 },
        activationId: 'a'.repeat(32),
      });
      assert.deepEqual(JSON.parse(runBody(sent, executable(), { p: [1] }, 61_000)), {
        value: { p: [1] },
        api_key: 'uuid:key',
        namespace: 'guest',
        action_name: '/guest/pkg/say "hi"',
        action_version: '1.2.3',
        activation_id: 'a'.repeat(32),
        transaction_id: 'tid',
        deadline: '61000',
      });
    });

    it('has the key unless the action wants none', () => {
      const keyOf = (annotations: { key: string; value: boolean | string | null }[], authkey = {}): unknown => {
        const wanting = executableAction(action({ annotations }), { image: NODE_IMAGE, sentinelled: true });
        const user = { ...message().user, authkey: { api_key: 'k', ...authkey } };
        const body = JSON.parse(runBody(message({ user }), wanting, {}, 0)) as Record<string, unknown>;
        return body['api_key'];
      };
      assert.equal(keyOf([]), 'k');
      assert.equal(keyOf([{ key: 'provide-api-key', value: true }]), 'k');
      assert.equal(keyOf([{ key: 'provide-api-key', value: false }]), undefined);
      assert.equal(keyOf([{ key: 'provide-api-key', value: null }]), undefined);
      assert.equal(keyOf([{ key: 'provide-api-key', value: '' }]), undefined);
      const user = { ...message().user, authkey: {} };
      assert.equal('api_key' in (JSON.parse(runBody(message({ user }), executable(), {}, 0)) as object), false);
    });

    it('says null of a version that is not known', () => {
      const sent = message({ action: { path: 'guest', name: 'hello' } });
      assert.equal((JSON.parse(runBody(sent, executable(), {}, 0)) as Record<string, unknown>)['action_version'], null);
    });
  });
});
