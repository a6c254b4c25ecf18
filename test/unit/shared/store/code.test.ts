import assert from 'node:assert/strict';
import { codeOfBytes, locateCode, MAX_INLINE_BYTES, storeCode } from '../../../../shared/store/code.js';

describe('the place of code', () => {
  it('writes small code into the name of the attachment, as OpenWhisk was recorded to do', async () => {
    // The action `guest/hello` of test/contract.
    const code =
      'function main(p){console.log("hello", p.name);console.error("to stderr");return {greeting:"Hello "+(p.name||"x")}}';
    assert.deepEqual(await storeCode({ kind: 'nodejs:20', code, binary: false }), {
      exec: {
        kind: 'nodejs:20',
        code: {
          attachmentName:
            'mem:ZnVuY3Rpb24gbWFpbihwKXtjb25zb2xlLmxvZygiaGVsbG8iLCBwLm5hbWUpO2NvbnNvbGUuZXJyb3IoInRvIHN0ZGVyciIpO3JldHVybiB7Z3JlZXRpbmc6IkhlbGxvICIrKHAubmFtZXx8IngiKX19',
          attachmentType: 'text/plain; charset=UTF-8',
          digest: 'sha256-df6f33f2c349931797b641cb06b876535c510ef11249af52c527212718bb6775',
          length: 114,
        },
        binary: false,
      },
    });
  });

  it('attaches the raw bytes from 16 KB on', async () => {
    const below = await storeCode({ kind: 'nodejs:20', code: 'é'.repeat(MAX_INLINE_BYTES / 2 - 1) });
    assert.equal(below.attachment, undefined);
    const { exec, attachment } = await storeCode(
      { kind: 'nodejs:20', code: 'é'.repeat(MAX_INLINE_BYTES / 2) },
      undefined,
      () => 'NAME',
    );
    const code = { attachmentName: 'couch:NAME', attachmentType: 'text/plain; charset=UTF-8' };
    assert.deepEqual(exec, { kind: 'nodejs:20', code, binary: false });
    assert.equal(attachment?.name, 'NAME');
    assert.equal(attachment.bytes.length, MAX_INLINE_BYTES);
  });

  it('decodes binary code before it stores it, and gives base64 back', async () => {
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
    const small = await storeCode({ kind: 'nodejs:20', code: bytes.toString('base64'), binary: true });
    assert.ok(typeof small.exec.code === 'object');
    assert.equal(small.exec.code.attachmentType, 'application/octet-stream');
    assert.equal(small.exec.code.length, 300);
    assert.match(small.exec.code.attachmentName, /^mem:[\w-]+=*$/);
    assert.deepEqual(locateCode(small.exec), { code: bytes.toString('base64') });
    const large = await storeCode({
      kind: 'x',
      code: Buffer.alloc(MAX_INLINE_BYTES, 7).toString('base64'),
      binary: true,
    });
    assert.deepEqual(large.attachment?.bytes, Buffer.alloc(MAX_INLINE_BYTES, 7));
    assert.equal(
      codeOfBytes(large.exec, large.attachment?.bytes),
      Buffer.alloc(MAX_INLINE_BYTES, 7).toString('base64'),
    );
  });

  it('leaves a sequence and an image without code as they are', async () => {
    const sequence = { kind: 'sequence', components: ['/guest/a'] };
    assert.deepEqual(await storeCode(sequence), { exec: sequence });
    const image = { kind: 'blackbox', image: 'someuser/someimage' };
    assert.deepEqual(await storeCode(image), { exec: { ...image, binary: false } });
  });

  it('finds plain code, and attachments of old names', async () => {
    assert.deepEqual(locateCode({ kind: 'nodejs:20', code: 'plain' }), { code: 'plain' });
    assert.deepEqual(locateCode({ kind: 'sequence' }), { code: undefined });
    const attached = (attachmentName: string) =>
      locateCode({ kind: 'java:8', code: { attachmentName, attachmentType: 'application/octet-stream' } });
    assert.deepEqual(attached('couch:some-uuid'), { attachment: 'some-uuid' });
    assert.deepEqual(attached('jarfile'), { attachment: 'jarfile' });
  });
});
