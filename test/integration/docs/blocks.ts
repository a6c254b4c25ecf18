/*
 * Finds the code blocks of a Markdown page, and what an author says about each in a comment right before it:
 *
 *   <!-- not run: REASON -->   the test does not run the block
 *   <!-- file: NAME -->        the test writes the block to this file before it runs what follows
 *   <!-- server stopped -->    the test stops the server first
 */

export interface Block {
  /** The line of the page on which the block begins. */
  readonly line: number;
  /** `sh`, `console`, `js`, …; empty if the page does not say. */
  readonly language: string;
  readonly text: string;
  /** The comment before the block. */
  readonly note: string | undefined;
}

/** A command of a block, with the output that the page shows. */
export interface Command {
  readonly text: string;
  readonly output: string | undefined;
}

/** The code blocks of a page, in their order. @throws Error if the last block has no end. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; fence: string; indent: string; language: string; lines: string[] } | undefined;
  let note: string | undefined;
  for (const [index, line] of page.split('\n').entries()) {
    const [, indent = '', fence, language = ''] = /^(\s*)(`{3,})\s*(\S*)\s*$/.exec(line) ?? [];
    if (open) {
      if (fence === open.fence && language === '') {
        blocks.push({ line: open.line, language: open.language, text: open.lines.join('\n'), note });
        open = undefined;
        note = undefined;
      } else {
        open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
      }
    } else if (fence !== undefined) {
      open = { line: index + 1, fence, indent, language, lines: [] };
    } else if (line.trim() !== '') {
      note = /^\s*<!--\s*(.*?)\s*-->\s*$/.exec(line)?.[1];
    }
  }
  if (open) throw new Error(`the block of line ${open.line} has no end`);
  return blocks;
}

/**
 * The commands of a block. A block `sh` is one command. In a block `console`, a command begins with `$ ` and goes on
 * to the end of its here document, or while a line ends with a backslash. The lines up to the next command are its output.
 */
export function commandsOf({ language, text }: Block): Command[] {
  if (language !== 'console') return [{ text, output: undefined }];
  const commands: { text: string; output: string | undefined }[] = [];
  let until: string | undefined;
  let goesOn = false;
  for (const line of text.split('\n')) {
    const last = commands.at(-1);
    if (last && (goesOn || until !== undefined)) {
      last.text += `\n${line}`;
      goesOn = until === undefined && line.endsWith('\\');
      if (line === until) until = undefined;
    } else if (line.startsWith('$ ')) {
      const command = line.slice(2);
      commands.push({ text: command, output: undefined });
      goesOn = command.endsWith('\\');
      until = /<<-?\s*['"]?(\w+)/.exec(command)?.[1];
    } else if (last) {
      last.output = last.output === undefined ? line : `${last.output}\n${line}`;
    } else {
      throw new Error(`a block 'console' begins with a command: $ …, and not with ${line}`);
    }
  }
  return commands;
}

/** Text in which what differs from run to run is replaced: times, ids, addresses, and the width of columns. */
function comparable(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, 'TIME')
    .replaceAll(/\b\d\d:\d\d:\d\d(\.\d+)?\b/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'ID')
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:\w{64}\b/g, 'KEY')
    .replaceAll(/\b\d+(\.\d+)? ?ms\b/g, 'N ms')
    .replaceAll(/(127\.0\.0\.1|localhost):\d+/g, 'HOST')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/ $/gm, '')
    .trim();
}

/** Whether `actual` is what the page shows. `…` in the page stands for any text. */
export function isShown(shown: string, actual: string): boolean {
  const parts = comparable(shown).split('…');
  const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join(String.raw`[\s\S]*`)}$`).test(comparable(actual));
}
