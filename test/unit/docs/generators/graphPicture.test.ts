import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ALBUM, graphPicture } from '../../../../docs/generators/graphPicture.js';

describe('the picture of docs/graphs.md', () => {
  it('is what the library makes of its graph now (npm run docs)', () => {
    assert.equal(readFileSync('docs/graphs.svg', 'utf8'), graphPicture());
  });

  it('shows every node in both colorings, and every edge', () => {
    const picture = graphPicture();
    for (const { id } of ALBUM.nodes) assert.equal(picture.split(`>${id}</text>`).length - 1, 2, id);
    assert.equal(picture.split('marker-end').length - 1, ALBUM.edges.length * 2);
  });

  it('has colors for a dark page', () => {
    const picture = graphPicture();
    const dark = /@media \(prefers-color-scheme: dark\) \{(.*?)\n {2}\}/s.exec(picture)?.[1] ?? '';
    const styled = [...dark.matchAll(/\.(\w+) \{/g)].map(([, name]) => name);
    assert.deepEqual(styled, ['page', 'title', 'arrow', 'tip', 'box']);
    for (const name of styled) assert.match(picture, new RegExp(`class="${name}"`));
  });
});
