import assert from 'node:assert/strict';
import { readActionBody } from '../../../../../controller/api/actions/actionBody.js';
import { newAction, revisedAction } from '../../../../../controller/api/actions/revise.js';
import { checkLimits, readLimits } from '../../../../../controller/api/actions/limitsBody.js';
import { namespaceLimits } from '../../../../../shared/config/namespaceLimits.js';
import { DEFAULT_LIMITS } from '../../../../../shared/config/limits.js';
import type { Json } from '../../../../../shared/entities/keyvalue.js';
import { parseManifest } from '../../../../../shared/runtimes/manifest.js';

const attached = { attachmentName: 'codefile', attachmentType: 'text/plain' };
const runtimes = parseManifest({
  runtimes: {
    nodejs: [
      { kind: 'nodejs:18', image: { name: 'n' }, attached },
      { kind: 'nodejs:20', default: true, image: { name: 'n' }, attached },
    ],
    java: [{ kind: 'java:8', image: { name: 'j' }, attached, requireMain: true }],
    plain: [{ kind: 'plain:1', image: { name: 'p' } }],
  },
});
const sizes = { maxCodeBytes: 100, maxParameterBytes: 50 };
const read = (body: Json) => readActionBody(body, runtimes, sizes);

async function refusal(body: Json): Promise<string> {
  try {
    await read(body);
  } catch (error) {
    assert.ok(error instanceof Error && 'status' in error);
    return `${String(error.status)} ${error.message.replace('The request content was malformed:\n', '')}`;
  }
  return 'taken';
}

describe('readActionBody', () => {
  it('reads the fields that exist, and leaves out the others', async () => {
    const body = await read({
      exec: { kind: ' NodeJS:default ', code: 'c', main: 'm' },
      publish: true,
      version: '1.2',
    });
    assert.deepEqual(body.exec, { kind: 'nodejs:20', code: 'c', binary: false, main: 'm' });
    assert.equal(body.publish, true);
    assert.equal(body.version, '1.2.0');
    assert.equal(body.parameters, undefined);
    assert.equal((await read({ exec: null, publish: null })).exec, undefined);
  });

  const refused: [string, Json, string][] = [
    ['an array', [], "400 Object expected in field 'exec'"],
    ['a kind that is missing', { exec: {} }, "400 'kind' must be a string defined in 'exec'"],
    ['an exec that is no object', { exec: 'x' }, '400 JSON object expected'],
    [
      'a kind that there is not',
      { exec: { kind: 'no:1', code: '' } },
      "400 The specified runtime 'no:1' is not supported by this platform. Valid values are: 'nodejs:18', 'nodejs:20', 'java:8', 'plain:1', 'sequence', 'blackbox'.",
    ],
    [
      'code that is missing',
      { exec: { kind: 'nodejs:20' } },
      "400 'code' must be a string or attachment object defined in 'exec' for 'nodejs:20' actions",
    ],
    [
      'inline code that is no text',
      { exec: { kind: 'plain:1', code: {} } },
      "400 'code' must be a string defined in 'exec' for 'plain:1' actions",
    ],
    [
      'a main that is missing',
      { exec: { kind: 'java:8', code: 'x' } },
      "400 'main' must be a string defined in 'exec' for 'java:8' actions",
    ],
    [
      'a main that is no text',
      { exec: { kind: 'nodejs:20', code: 'x', main: 1 } },
      "400 if defined, 'main' be a string in 'exec' for 'nodejs:20' actions",
    ],
    [
      'an image that is missing',
      { exec: { kind: 'blackbox' } },
      "400 'image' must be a string defined in 'exec' for 'blackbox' actions",
    ],
    ['an image that is none', { exec: { kind: 'blackbox', image: 'a b' } }, '400 could not parse image name'],
    [
      'a sequence without components',
      { exec: { kind: 'sequence' } },
      "400 'components' must be defined for sequence kind",
    ],
    [
      'components that are no list',
      { exec: { kind: 'sequence', components: 'a' } },
      "400 'components' must be an array",
    ],
    ['parameters that are no list', { parameters: 'x' }, '400 parameters malformed!'],
    ['a parameter without key', { parameters: [{ value: 1 }] }, '400 parameters malformed!'],
    ['a parameter without value', { parameters: [{ key: 'a' }] }, '400 parameters malformed!'],
    ['an annotation that is none', { annotations: [1] }, '400 parameters malformed!'],
    ['a version that is none', { version: 'x.y' }, '400 semantic version malformed'],
    ['version 0.0.0', { version: '0.0.0' }, '400 semantic version malformed'],
    ['publish that is no boolean', { publish: 'yes' }, '400 Expected JsBoolean, but got "yes"'],
    ['limits that are no object', { limits: 1 }, "400 Object expected in field 'timeout'"],
    ['a limit that is no number', { limits: { timeout: 'soon' } }, '400 time limit malformed'],
    [
      'a limit that is not whole',
      { limits: { memory: 128.5 } },
      '400 requirement failed: memory limit must be whole number',
    ],
    ['delAnnotations that are no texts', { delAnnotations: [1] }, '400 Expected String as JsString, but got 1'],
    [
      'code that is too large',
      { exec: { kind: 'nodejs:20', code: 'x'.repeat(101) } },
      '413 exec larger than allowed: 101 > 100 bytes.',
    ],
    [
      'parameters that are too large',
      { parameters: [{ key: 'abc', value: 'x'.repeat(46) }] },
      '413 parameters larger than allowed: 51 > 50 bytes.',
    ],
    [
      'annotations that are too large',
      { annotations: [{ key: 'abc', value: 'x'.repeat(46) }] },
      '413 annotations larger than allowed: 51 > 50 bytes.',
    ],
  ];
  for (const [what, body, text] of refused) {
    it(`refuses ${what}`, async () => {
      assert.equal(await refusal(body), text);
    });
  }

  it('takes the last of several parameters with one key', async () => {
    const { parameters } = await read({
      parameters: [
        { key: 'k', value: 1 },
        { key: 'k', value: 2, init: true },
      ],
    });
    assert.deepEqual(parameters, [{ key: 'k', value: 2, init: true }]);
  });
});

describe('newAction and revisedAction', () => {
  const defaults = { limits: DEFAULT_LIMITS, requireApiKeyAnnotation: true };
  const body = { exec: { kind: 'nodejs:20', code: 'c', binary: false } };

  it('fills in the defaults', () => {
    const action = newAction('ns', 'a', body, defaults, 5);
    assert.equal(action._id, 'ns/a');
    assert.equal(action.version, '0.0.1');
    assert.deepEqual(action.limits, { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 });
    assert.deepEqual(action.annotations, [
      { key: 'provide-api-key', value: false },
      { key: 'exec', value: 'nodejs:20' },
    ]);
  });

  it('lets the maker ask for the API key, and never forge the kind', () => {
    const annotations = [
      { key: 'provide-api-key', value: true },
      { key: 'exec', value: 'forged' },
    ];
    const action = newAction('ns', 'a', { ...body, annotations }, defaults, 5);
    assert.deepEqual(action.annotations, [
      { key: 'provide-api-key', value: true },
      { key: 'exec', value: 'nodejs:20' },
    ]);
  });

  it('says nothing about the API key if the installation does not ask for it', () => {
    const action = newAction('ns', 'a', body, { ...defaults, requireApiKeyAnnotation: false }, 5);
    assert.deepEqual(action.annotations, [{ key: 'exec', value: 'nodejs:20' }]);
  });

  it('keeps the fields that an update leaves out, and raises the version', () => {
    const old = { ...newAction('ns', 'a', { ...body, limits: { memory: 128 } }, defaults, 5), _rev: '1-a' };
    const revised = revisedAction(old, { limits: { timeout: 100 }, delAnnotations: ['provide-api-key'] }, 9);
    assert.equal(revised._rev, '1-a');
    assert.equal(revised.version, '0.0.2');
    assert.equal(revised.updated, 9);
    assert.deepEqual(revised.exec, old.exec);
    assert.deepEqual(revised.limits, { timeout: 100, memory: 128, logs: 10, concurrency: 1 });
    assert.deepEqual(revised.annotations, [{ key: 'exec', value: 'nodejs:20' }]);
    assert.equal(revisedAction(old, { version: '2.5.1' }, 9).version, '2.5.1');
  });

  it('hands a sequence\u2019s components on to no other kind', () => {
    const sequence = { kind: 'sequence', components: ['/ns/a'] };
    const old = newAction('ns', 's', { exec: sequence }, defaults, 5);
    assert.deepEqual(old.parameters, [{ key: '_actions', value: ['/ns/a'] }]);
    assert.deepEqual(revisedAction(old, { parameters: [{ key: 'x', value: 1 }] }, 6).parameters, old.parameters);
    assert.deepEqual(revisedAction(old, body, 6).parameters, []);
  });
});

describe('checkLimits', () => {
  const check = (given: Json, user = {}) => checkLimits(readLimits(given), namespaceLimits(DEFAULT_LIMITS, user));

  it('takes what is within a namespace\u2019s bounds', () => {
    check({ timeout: 100, memory: 128, logs: 0, concurrency: 1 });
    check({ timeout: 300_000, memory: 512, logs: 10 });
  });

  it('names the first limit that is out of bounds', () => {
    assert.throws(() => check({ memory: 64, timeout: 1 }), {
      status: 400,
      message: 'requirement failed: memory size 64 MB below allowed threshold of 128 MB',
    });
    assert.throws(() => check({ logs: 11 }), /log size 11 MB exceeds allowed threshold of 10 MB/);
    assert.throws(() => check({ concurrency: 2 }), /concurrency 2 exceeds allowed threshold of 1/);
  });

  it('narrows the installation\u2019s bounds by the namespace\u2019s own, and never widens them', () => {
    const user = { maxActionMemory: 256, minActionTimeout: 1000, maxActionLogs: 999 };
    assert.throws(() => check({ memory: 257 }, user), /threshold of 256 MB/);
    assert.throws(() => check({ timeout: 999 }, user), /threshold of 1000 milliseconds/);
    assert.throws(() => check({ logs: 11 }, user), /threshold of 10 MB/);
  });
});
