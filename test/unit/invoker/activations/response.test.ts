import assert from 'node:assert/strict';
import fc from 'fast-check';
import { initFailure, isReusable, runResponse } from '../../../../invoker/activations/response.js';

const answered = (body: string, status = 200, truncated?: { length: number; limit: number }) =>
  ({ kind: 'response', response: { status, body, ...(truncated ? { truncated } : {}) } }) as const;

describe('the response of an activation', () => {
  describe('from /run', () => {
    it('is a success with an object or an array', () => {
      assert.deepEqual(runResponse(answered('{"a":1}'), 0), { statusCode: 0, result: { a: 1 }, size: 7 });
      assert.deepEqual(runResponse(answered('[1, 2]'), 0), { statusCode: 0, result: [1, 2], size: 6 });
      assert.deepEqual(runResponse(answered('{}'), 0), { statusCode: 0, result: {}, size: 2 });
    });

    it('is an application error with a field error, whatever it and the others are', () => {
      assert.deepEqual(runResponse(answered('{"error":{"code":7},"more":1}'), 0), {
        statusCode: 1,
        result: { error: { code: 7 } },
        size: 29,
      });
      assert.deepEqual(runResponse(answered('{"error":null}'), 0).result, { error: null });
      assert.deepEqual(runResponse(answered('[{"error":1}]'), 0).statusCode, 0);
    });

    it("is the developer's with any other status, with the error of the body", () => {
      assert.deepEqual(runResponse(answered('{"error":"thrown"}', 502), 0), {
        statusCode: 2,
        result: { error: 'thrown' },
        size: 18,
      });
      const invalid = 'The action did not produce a valid JSON or JSON Array response';
      assert.deepEqual(runResponse(answered('[1]', 502), 0).result, { error: `${invalid}: [1]` });
      assert.deepEqual(runResponse(answered('{"a":1}', 500), 0).result, { error: `${invalid}: {"a":1}` });
    });

    it("is the developer's if the body is no JSON, or neither an object nor an array", () => {
      const invalid = 'The action did not produce a valid JSON or JSON Array response';
      for (const body of ['not json', '"text"', '5', 'null', 'true']) {
        assert.deepEqual(runResponse(answered(body), 0), {
          statusCode: 2,
          result: { error: `${invalid}: ${body}` },
          size: body.length,
        });
      }
      assert.deepEqual(runResponse(answered(''), 0), { statusCode: 2, result: { error: `${invalid}.` }, size: 0 });
    });

    it("is the developer's if it is nested too deep to be written again", () => {
      const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
      assert.equal(runResponse(answered(deep(999)), 0).statusCode, 0);
      const { statusCode, result } = runResponse(answered(deep(100_000)), 0);
      assert.equal(statusCode, 2);
      assert.match(String((result as { error: unknown }).error), /^The action did not produce a valid JSON/);
    });

    it('is an application error if it has more values than can be read in time', () => {
      const many = `[${'1,'.repeat(600_000)}1]`;
      assert.deepEqual(runResponse(answered(many), 0), {
        statusCode: 1,
        result: { error: 'The action produced a response of over 1 MB with more than 250000 JSON values.' },
        size: many.length,
      });
      const texts = JSON.stringify({ text: ',[{:'.repeat(400_000) });
      assert.equal(runResponse(answered(texts), 0).statusCode, 0, 'a text is one value');
      const short = `[${'1,'.repeat(400_000)}1]`;
      assert.equal(runResponse(answered(short), 0).statusCode, 0, 'it is of less than 1 MB');
    });

    it('is an application error if it was too long, with its truncated text', () => {
      assert.deepEqual(runResponse(answered('{"a":"xx', 200, { length: 2000, limit: 1000 }), 0), {
        statusCode: 1,
        result: {
          error:
            'The action produced a response that exceeded the allowed length: 2000 > 1000 bytes. ' +
            'The truncated response was: {"a":"xx',
        },
        size: 2000,
      });
    });

    it("names the cause of the container's end", () => {
      const broken = 'The action did not produce a valid response and exited unexpectedly.';
      assert.deepEqual(runResponse({ kind: 'failure', failure: 'broken' }, 0), {
        statusCode: 2,
        result: { error: broken },
      });
      assert.deepEqual(runResponse({ kind: 'failure', failure: 'outOfMemory' }, 0).result, {
        error: 'The action exhausted its memory and was aborted.',
      });
      assert.deepEqual(runResponse({ kind: 'timeout' }, 1500).result, {
        error: 'The action exceeded its time limits of 1500 milliseconds.',
      });
    });

    it('has a result and, of any body that came whole, its length', () => {
      fc.assert(
        fc.property(fc.json(), fc.constantFrom(200, 400, 502), (body, status) => {
          const response = runResponse(answered(body, status), 0);
          assert.equal(response.size, body.length);
          assert.ok(response.result !== undefined);
          const value = JSON.parse(body) as unknown;
          if (response.statusCode === 0) assert.deepEqual(response.result, value);
          else assert.ok(Object.hasOwn(response.result as object, 'error'));
        }),
      );
    });
  });

  describe('from a failed /init', () => {
    const failed = 'The action failed during initialization';

    it('has the error that the body names, or the body', () => {
      assert.deepEqual(initFailure(answered('{"error":"bad"}', 502), 0), {
        statusCode: 2,
        result: { error: 'bad' },
        size: 15,
      });
      assert.deepEqual(initFailure(answered('oops', 502), 0), {
        statusCode: 2,
        result: { error: `${failed}: oops` },
        size: 4,
      });
      assert.deepEqual(initFailure(answered('', 502), 0).result, { error: `${failed}.` });
      assert.deepEqual(initFailure(answered('[]', 502), 0).result, { error: `${failed}: []` });
    });

    it('names other failures', () => {
      assert.deepEqual(initFailure({ kind: 'timeout' }, 100).result, {
        error: 'The action exceeded its time limits of 100 milliseconds during initialization.',
      });
      assert.deepEqual(initFailure({ kind: 'failure', failure: 'broken' }, 100).result, {
        error: 'The action did not initialize and exited unexpectedly.',
      });
      assert.deepEqual(initFailure({ kind: 'failure', failure: 'outOfMemory' }, 100).result, {
        error: 'The action exhausted its memory and was aborted.',
      });
      const long = initFailure(answered('xx', 200, { length: 9, limit: 5 }), 100);
      assert.equal(long.statusCode, 2);
      assert.equal(long.size, 9);
    });
  });

  it('tells whether its container may serve again', () => {
    assert.deepEqual(
      ([0, 1, 2, 3] as const).map((statusCode) => isReusable({ statusCode })),
      [true, true, false, false],
    );
  });
});
