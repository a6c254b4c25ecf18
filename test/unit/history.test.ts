import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isLinearizable, type Operation } from '../history/linearizable.js';
import { objectModel, type ObjectInput, type ObjectOutput } from '../history/objectModel.js';

type Step = Operation<ObjectInput, ObjectOutput>;

const value = (text?: string): ObjectOutput => ({ kind: 'value', value: text });
const changed = (yes = true): ObjectOutput => ({ kind: 'changed', changed: yes });
const step = (called: number, returned: number, input: ObjectInput, output?: ObjectOutput): Step => ({
  called,
  returned,
  input,
  output,
});
const put = (text: string): ObjectInput => ({ kind: 'put', value: text });
const GET: ObjectInput = { kind: 'get' };
const INCREMENT: ObjectInput = { kind: 'increment' };

describe('the checker of histories', () => {
  const accepts = (...steps: Step[]): void => assert.ok(isLinearizable(objectModel, steps));
  const refuses = (...steps: Step[]): void => assert.ok(!isLinearizable(objectModel, steps));

  it('accepts a history that one thread could have made', () => {
    accepts(step(1, 2, put('a'), changed()), step(3, 4, GET, value('a')));
    accepts(step(1, 4, put('a'), changed()), step(2, 3, GET, value()));
    accepts(step(1, 4, put('a'), changed()), step(2, 3, GET, value('a')));
    accepts(step(1, 3, INCREMENT, value('2')), step(2, 4, INCREMENT, value('1')));
  });

  it('refuses stale reads, lost and double updates, and values out of nothing', () => {
    refuses(step(1, 2, put('a'), changed()), step(3, 4, GET, value()));
    refuses(step(1, 2, put('a'), changed()), step(3, 4, put('b'), changed()), step(5, 6, GET, value('a')));
    refuses(step(1, 2, INCREMENT, value('1')), step(3, 4, INCREMENT, value('1')));
    refuses(step(1, 2, GET, value('a')));
    // Two readers see two writes in different orders.
    refuses(
      step(1, 10, put('a'), changed()),
      step(2, 11, put('b'), changed()),
      step(12, 13, GET, value('a')),
      step(14, 15, GET, value('b')),
    );
    const absent: ObjectInput = { kind: 'put', value: 'x', ifAbsent: true };
    refuses(step(1, 3, absent, changed()), step(2, 4, absent, changed()));
  });

  it('lets an operation with an unknown outcome happen at any later time, or never', () => {
    accepts(step(1, Infinity, put('a')), step(2, 3, GET, value()), step(4, 5, GET, value('a')));
    accepts(step(1, Infinity, put('a')), step(2, 3, GET, value()));
    refuses(step(2, Infinity, put('a')), step(0, 1, GET, value('a')));
    refuses(step(1, Infinity, put('a')), step(2, 3, GET, value('a')), step(4, 5, GET, value()));
  });

  it('accepts every history of a single thread, and refuses it with a changed sum', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<ObjectInput>(GET, put('7'), INCREMENT, { kind: 'delete' }), {
          minLength: 1,
          maxLength: 60,
        }),
        fc.nat(5),
        (inputs, width) => {
          let state = objectModel.initial;
          const steps = inputs.map((input, i): Step => {
            const { value: before } = state;
            const output =
              input.kind === 'get'
                ? value(before)
                : input.kind === 'increment'
                  ? value(String(Number(before ?? 0) + 1))
                  : changed(input.kind === 'put' || before !== undefined);
            state = objectModel.step(state, input, output) ?? state;
            // Each takes effect at 10 i, and the calls overlap.
            return step(10 * i - width * 7, 10 * i + width * 7 + 1, input, output);
          });
          accepts(...steps);
          refuses(...steps, step(1000, 1001, INCREMENT, value('-5')));
        },
      ),
      { numRuns: 100 },
    );
  });
});
