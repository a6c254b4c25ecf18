import assert from 'node:assert/strict';

/** An answer as a strict client reads it. */
export interface Answer {
  readonly status: number;
  /** By name in lower case, in the order of arrival, decoded as UTF-8. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Buffer;
}

// oxlint-disable-next-line no-control-regex
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Reads what a connection carried until its end: one answer per method, framed by `Content-Length` (RFC 9112 6.3).
 * @throws AssertionError where a byte is not valid HTTP, or is left over.
 */
export function readAnswers(bytes: Buffer, methods: readonly string[]): Answer[] {
  const answers: Answer[] = [];
  let at = 0;
  for (const method of methods) {
    const end = bytes.indexOf('\r\n\r\n', at);
    assert.ok(end > 0, `no answer to ${method}: ${JSON.stringify(bytes.toString('latin1', at, at + 500))}`);
    const [statusLine = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(statusLine)?.[1]);
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const [, name = '', value = ''] = FIELD.exec(line) ?? assert.fail(`not a header: ${JSON.stringify(line)}`);
      const key = name.toLowerCase();
      headers.set(key, [...(headers.get(key) ?? []), Buffer.from(value, 'latin1').toString('utf8')]);
    }
    assert.ok(!headers.has('transfer-encoding'));
    const lengths = headers.get('content-length') ?? [];
    const bodyless = method === 'HEAD' || status === 204 || status === 304;
    if (status === 204) assert.deepEqual(lengths, []);
    else if (!bodyless) assert.equal(lengths.length, 1, 'an answer with a body says its length once');
    const length = bodyless ? 0 : Number(lengths[0]);
    assert.ok(bytes.length >= end + 4 + length, 'the body is as long as it says');
    answers.push({ status, headers, body: bytes.subarray(end + 4, end + 4 + length) });
    at = end + 4 + length;
  }
  assert.equal(at, bytes.length, 'bytes are left over');
  return answers;
}
