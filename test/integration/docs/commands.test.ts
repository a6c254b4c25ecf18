import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf } from './blocks.js';
import { commandBlocks, reasonNotToRun, runPage } from './runPage.js';
import { readPage, ROOT, Workplace } from './Workplace.js';

const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'examples/README.md',
];

/** What begins a command. Such a line in a block of another language would escape this test. */
const COMMAND = /^\s*(\$ |(npm|npx|node|curl|wsk|docker|palette-whisk|git|cd|apt-get)\s)/m;

describe('the commands of the documentation', function () {
  this.timeout(600_000);

  for (const page of PAGES) {
    const blocks = commandBlocks(page);
    if (blocks.length === 0) continue;
    const marked = blocks.filter((block) => reasonNotToRun(block) !== undefined).length;
    it(`of ${page} work as shown (${blocks.length - marked} blocks run, ${marked} marked as not run)`, async () => {
      const workplace = new Workplace();
      try {
        assert.deepEqual(await runPage(page, workplace), { run: blocks.length - marked, marked });
      } finally {
        await workplace.close();
      }
    });
  }

  it('are in blocks that name their language', () => {
    const hidden = PAGES.flatMap((page) =>
      blocksOf(readPage(page))
        .filter(({ language, text }) => language === '' || (language === 'text' && COMMAND.test(text)))
        .map(({ line, language }) => `${page}:${line}: ${language === '' ? 'no language' : 'commands in a text'}`),
    );
    assert.deepEqual(hidden, []);
  });

  it('are run on most pages', () => {
    const all = PAGES.flatMap((page) => commandBlocks(page));
    const run = all.filter((block) => reasonNotToRun(block) === undefined);
    assert.ok(run.length >= 20, `only ${run.length} of ${all.length} blocks are run`);
  });
});
