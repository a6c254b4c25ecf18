import assert from 'node:assert/strict';
import { policyFaults } from '../../../../shared/config/policyFaults.js';

describe('the log of the faults of a policy', () => {
  it('has the first fault at once, and then one a minute with their number', () => {
    const lines: string[] = [];
    let now = 0;
    const fault = policyFaults('mine.js', { error: (line) => lines.push(line) }, () => now);
    fault('throws in assign', new Error('broken'));
    fault('throws in assign', new Error('broken'));
    now = 59_999;
    fault('throws in assign', new Error('broken'));
    now = 60_000;
    fault('throws in homes', new Error('broken'));
    now = 120_000;
    fault('throws in homes', new Error('broken'));
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? '', /color policy mine\.js throws in assign; its invocations .* uncolored ones then$/);
    assert.match(lines[1] ?? '', /throws in homes; .*\(and 2 more faults since the last line\)$/);
    assert.match(lines[2] ?? '', /then$/);
  });
});
