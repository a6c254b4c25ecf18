import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectsFor } from '../../../../invoker/objects/objectsFor.js';
import { ObjectService } from '../../../../invoker/objects/ObjectService.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { ObjectTokens } from '../../../../shared/objects/ObjectToken.js';
import { message } from '../pool/setup.js';

describe('objectsFor', () => {
  let base: string;
  let service: ObjectService;
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  const log = { ...silentLogger, warn: note, error: note };
  const { user } = message();

  const make = (folder: string, tcpHost?: string): ObjectService =>
    (service = new ObjectService({
      invoker: 'invoker0',
      instance: 0,
      boundBytes: 1024 * 1024,
      folder,
      tcpHost,
      log: silentLogger,
    }));

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'pw-'));
    lines.length = 0;
  });
  afterEach(async () => {
    await service.stop(0);
    rmSync(base, { recursive: true });
  });

  it('gives containers the socket if they see it, with a token of their namespace', async () => {
    const { sharedFolder, parts } = await objectsFor(make(join(base, 'o')), { seenAt: () => '/inside' }, log);
    assert.equal(sharedFolder, join(base, 'o'));
    const { __OW_OBJECTS_URL: url, __OW_OBJECTS_TOKEN: token } = parts.environmentFor?.(user) ?? {};
    assert.equal(url, 'unix:/inside/s');
    const other = parts.environmentFor?.({ ...user, namespace: { name: 'guest', uuid: 'another' } });
    assert.notEqual(other?.['__OW_OBJECTS_TOKEN'], token);
    assert.equal(new ObjectTokens(new Uint8Array(32), 'invoker0').verify(token ?? ''), undefined);
    assert.deepEqual(lines, []);
  });

  it('puts the limit of the namespace into its token', async () => {
    const { parts } = await objectsFor(make(join(base, 'o')), { seenAt: () => '/inside' }, log);
    const limited = parts.environmentFor?.({ ...user, limits: { objectsMemory: '2 MB' } });
    const claims = limited?.['__OW_OBJECTS_TOKEN']?.split('.')[0] ?? '';
    const [uuid, name, limit] = JSON.parse(Buffer.from(claims, 'base64url').toString()) as unknown[];
    assert.deepEqual([uuid, name, limit], ['uuid', 'guest', 2 * 1024 * 1024]);
  });

  it('gives containers a TCP address if they do not see files, and says so if there is none', async () => {
    const tcp = await objectsFor(make(join(base, 'o'), '127.0.0.1'), {}, log);
    assert.equal(tcp.sharedFolder, undefined);
    assert.match(tcp.parts.environmentFor?.(user)['__OW_OBJECTS_URL'] ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    await service.stop(0);
    const none = await objectsFor(make(join(base, 'o')), {}, log);
    assert.equal(none.parts.environmentFor, undefined);
    assert.match(lines.join('\n'), /set CONFIG_whisk_objects_host/);
  });

  it('lets the invoker work without objects if it cannot listen', async () => {
    const { parts, sharedFolder } = await objectsFor(make(join(base, 'missing', 'o')), { seenAt: () => '/x' }, log);
    assert.deepEqual([parts, sharedFolder], [{}, undefined]);
    assert.match(lines.join('\n'), /actions have no objects/);
    assert.deepEqual(await objectsFor(undefined, {}, log), { sharedFolder: undefined, parts: {} });
  });
});
