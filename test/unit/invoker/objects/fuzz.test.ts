import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectService } from '../../../../invoker/objects/ObjectService.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { BrokenConnectionError, Connection } from '../../../../shared/objects/client/Connection.js';
import { connect } from '../../../../shared/objects/client/index.js';

/** `npm run fuzz:objects` sends 100,000. */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 3000);
const CONNECTIONS = 16;
/** A busy machine takes long until the thread of the objects runs. */
const PATIENT = { timeoutMs: 120_000 };
const MB = 1024 * 1024;

const SECRET = 'victims-secret-';
const victim = { uuid: '8d1f6bc8-0d3c-4f54-a4ae-7a7b9a3d0001', name: 'victim', limitBytes: undefined };
const attacker = { uuid: '8d1f6bc8-0d3c-4f54-a4ae-7a7b9a3d0002', name: 'attacker', limitBytes: 20 * MB };
const COLORS = ['red', 'a/b', 'ü', '..', 'victim'];
const KEYS = ['k', 'a/b', '..', '~load/k', '%2e', 'x y', '🎨'];

const oneOf = <T>(all: readonly T[]): T => {
  const found = all[randomInt(all.length)];
  if (found === undefined) throw new Error('nothing to choose from');
  return found;
};
const sometimes = (oneIn: number): boolean => randomInt(oneIn) === 0;

/** A text with some characters changed, left out, doubled or inserted. */
function mutated(text: string): string {
  let result = text;
  for (let left = 1 + randomInt(4); left > 0; left--) {
    const at = randomInt(result.length + 1);
    const inserted = oneOf([
      '',
      'A',
      '.',
      '=',
      '%',
      '%00',
      '/',
      '\\',
      ' ',
      '\t',
      'é',
      '%c0%af',
      result.slice(at, at + 5),
    ]);
    result = result.slice(0, at) + inserted + result.slice(at + randomInt(3));
  }
  return result;
}

/** An encoding of a part of a path, correct or not. */
function encoded(text: string): string {
  const everything = [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const double = encodeURIComponent(encodeURIComponent(text));
  return oneOf([
    encodeURIComponent(text),
    everything,
    everything.toUpperCase(),
    double,
    mutated(encodeURIComponent(text)),
    text,
  ]);
}

function path(): string {
  const prefix = oneOf([
    '',
    '',
    '',
    '/..',
    '/%2e%2e',
    `/${victim.uuid}`,
    `/${victim.name}`,
    '//',
    'http://victim',
    '/_/',
    '/.',
  ]);
  const query = oneOf([
    '',
    '',
    '?wait=1ms',
    '?prefix=',
    '?append',
    '?increment=1',
    `?namespace=${victim.uuid}`,
    '?prefix=%00',
    mutated('?wait=1ms&x=1'),
  ]);
  const key = sometimes(6) ? '' : `/${encoded(oneOf(KEYS))}`;
  return `${prefix}/${encoded(oneOf(COLORS))}${key}${query}`.replaceAll(/[\r\n ]/g, '%20');
}

/** A request of an attacker: with a token of its own, or with a forged one. */
function forgedRequest(own: string, real: string): { head: string; body: Buffer | undefined; bodiless: boolean } {
  const method = oneOf(['GET', 'GET', 'GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS']);
  const [ownClaims = '', ownSignature = ''] = own.split('.');
  const [claims = ''] = real.split('.');
  const swapped = Buffer.from(JSON.stringify([victim.uuid, 'attacker', null])).toString('base64url');
  const token = oneOf([
    own,
    own,
    own,
    `${claims}.${ownSignature}`,
    `${swapped}.${ownSignature}`,
    `${claims}.`,
    `${claims}.${randomBytes(32).toString('base64url')}`,
    `${claims}.${ownSignature}.${ownSignature}`,
    `${ownClaims}.${claims}.${ownSignature}`,
    mutated(own),
    mutated(`${claims}.${ownSignature}`),
    '',
  ]).replaceAll(/[^\u0020-\u007e]/g, '?');
  const scheme = oneOf(['Bearer', 'bearer', 'BEARER ', 'Basic', 'Bearer Bearer', '']);
  const body = method === 'PUT' || method === 'POST' ? randomBytes(randomInt(200)) : undefined;
  const headers = [
    'Host: x',
    `Authorization: ${scheme} ${token}`,
    ...(sometimes(5) ? [`Authorization: Bearer ${own}`] : []),
    ...(sometimes(4) ? [`X-Palette-Peer: ${swapped}.${ownSignature}`] : []),
    ...(sometimes(4) ? [`X-Namespace: ${victim.uuid}`, `X-Forwarded-User: ${victim.name}`] : []),
    ...(sometimes(4)
      ? [`If-Match: ${oneOf(['*', '"a"', mutated('"a", "b"')]).replaceAll(/[^\u0020-\u007e]/g, '?')}`]
      : []),
    ...(sometimes(4) ? [`If-None-Match: ${oneOf(['*', '"a"', 'W/"x"'])}`] : []),
    ...(sometimes(6) ? [`X-Palette-TTL: ${oneOf(['1', '-1', '1e9', 'x'])}`] : []),
    ...(body ? [`Content-Length: ${body.length}`] : []),
  ];
  return { head: `${method} ${path()} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, body, bodiless: method === 'HEAD' };
}

describe('objects under forged requests', function () {
  this.timeout(Math.max(120_000, REQUESTS * 10));

  it(`read nothing of another namespace, in ${REQUESTS} of them`, async () => {
    const base = mkdtempSync(join(tmpdir(), 'pw-'));
    const service = new ObjectService({
      invoker: 'invoker0',
      instance: 0,
      boundBytes: 64 * MB,
      folder: join(base, 'o'),
      tcpHost: undefined,
      log: silentLogger,
    });
    await service.start();
    const url = service.socketUrl(service.folder);
    const real = service.token(victim);
    const own = service.token(attacker);
    const owner = connect(url, real);
    const written: string[] = [];
    for (const color of COLORS) {
      for (const key of KEYS) {
        const { etag } = await owner.put(color, key, `${SECRET}${color}-${key}`, PATIENT);
        written.push(etag);
      }
    }
    const statuses = new Map<number, number>();
    let left = REQUESTS;
    let reads = 0;
    const attack = async (): Promise<void> => {
      let connection = new Connection({ path: url.slice('unix:'.length) });
      while (left-- > 0) {
        const { head, body, bodiless } = forgedRequest(own, real);
        try {
          const response = await connection.send(head, body, bodiless);
          statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
          const said = [...response.headers.values(), response.body.toString('latin1')].join('\n');
          if (said.includes(SECRET) || written.some((etag) => said.includes(etag))) {
            reads++;
            console.error(`read by ${JSON.stringify(head)}`);
          }
        } catch (error) {
          if (!(error instanceof BrokenConnectionError)) throw error;
        }
        if (!connection.open) connection = new Connection({ path: url.slice('unix:'.length) });
      }
      connection.close();
    };
    try {
      await Promise.all(Array.from({ length: CONNECTIONS }, attack));
      assert.equal(reads, 0);
      // The requests reached the server's parts, and none failed inside. Most are refused; these always succeed.
      for (const status of [400, 401, 404, 405]) assert.ok(statuses.has(status), String(status));
      const mine = connect(url, own);
      await mine.put('mine', 'key', 'value', PATIENT);
      assert.equal(await mine.get('mine', 'key', PATIENT), 'value');
      await assert.rejects(mine.put('mine', 'key', 'other', { ifAbsent: true, ...PATIENT }), /412|exists|condition/i);
      mine.close();
      assert.equal(statuses.get(500) ?? 0, 0);
      for (const color of COLORS) {
        for (const key of KEYS) {
          const found = await owner.read(color, key, PATIENT);
          assert.equal(found?.value, `${SECRET}${color}-${key}`);
          assert.equal(found.etag, written.shift());
        }
      }
      const listed = await Promise.all(COLORS.map((color) => owner.list(color, PATIENT)));
      assert.equal(listed.flat().length, COLORS.length * KEYS.length);
    } finally {
      owner.close();
      await service.stop(0);
      rmSync(base, { recursive: true });
    }
  });
});
