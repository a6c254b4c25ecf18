import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';

describe('docs/architecture.md', () => {
  it('names existing files and folders', () => {
    const text = readFileSync('docs/architecture.md', 'utf8');
    const named = [...text.matchAll(/`((?:controller|invoker|shared|deploy|test)\/[\w/.-]+)`/g)].map(
      (match) => match[1],
    );
    assert.ok(named.length > 60);
    assert.deepEqual(
      named.filter((path) => path === undefined || !existsSync(path)),
      [],
    );
  });
});
