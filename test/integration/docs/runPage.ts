import assert from 'node:assert/strict';
import { blocksOf, commandsOf, isShown, type Block } from './blocks.js';
import { readPage, type Workplace } from './Workplace.js';

const RUN = new Set(['sh', 'console']);

/** How many blocks of commands of a page were run and how many are marked. */
export interface Count {
  run: number;
  marked: number;
}

/** Why the author does not want a block to be run. */
export function reasonNotToRun({ note }: Block): string | undefined {
  return /^not run: (.+)$/.exec(note ?? '')?.[1];
}

/** The blocks of a page that have commands. */
export function commandBlocks(page: string): Block[] {
  return blocksOf(readPage(page)).filter(({ language }) => RUN.has(language));
}

/**
 * Runs the blocks of a page in their order, as a reader does who types each of them, and compares what they print with
 * what the page shows.
 */
export async function runPage(page: string, workplace: Workplace): Promise<Count> {
  const count: Count = { run: 0, marked: 0 };
  workplace.beginSession();
  for (const block of blocksOf(readPage(page))) {
    const file = /^file: (\S+)$/.exec(block.note ?? '')?.[1];
    if (file !== undefined) workplace.write(file, block.text);
    if (!RUN.has(block.language)) continue;
    if (reasonNotToRun(block) !== undefined) {
      count.marked += 1;
      continue;
    }
    if (block.note === 'server stopped') await workplace.stopServer();
    else await workplace.startServer();
    for (const { text, output } of commandsOf(block)) {
      const place = `${page}:${block.line}: ${text}`;
      const ran = await workplace.run(text);
      const printed = `${place}\nends with ${ran.code} and prints\n${ran.output}`;
      assert.equal(ran.code, 0, `${printed}\n${workplace.serverOutput()}`);
      if (output === undefined) continue;
      const shown = isShown(output, ran.output);
      assert.ok(shown, `${printed}\nand the page shows\n${output}\n${workplace.serverOutput()}`);
    }
    count.run += 1;
  }
  return count;
}
