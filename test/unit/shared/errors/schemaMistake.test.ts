import assert from 'node:assert/strict';
import * as z from 'zod';
import { schemaMistake } from '../../../../shared/errors/schemaMistake.js';

describe('the mistake that a schema found', () => {
  const schema = z.object({ list: z.array(z.number()), name: z.string() });
  const mistake = (value: unknown): string => {
    const { error } = schema.safeParse(value);
    return schemaMistake(error ?? assert.fail('it is valid'));
  };

  it('is the first one, with its field', () => {
    assert.equal(mistake({ list: [1, 'x'], name: 2 }), 'list.1: Invalid input: expected number, received string');
    assert.equal(mistake([]), 'Invalid input: expected object, received array');
  });

  it('is one line', () => {
    const text = z.string().refine(() => false, 'one\n  and two');
    assert.equal(schemaMistake(text.safeParse('x').error ?? assert.fail()), 'one and two');
  });
});
