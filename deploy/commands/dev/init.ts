import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { own } from '../../../shared/collections/own.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { CommandError, usageError } from '../client/CommandError.js';
import type { Io } from '../client/Io.js';
import { ok } from '../client/output.js';
import { shellWord } from '../client/shellWord.js';

const JS = `// Called for each invocation, with its parameters. Returns the result.
function main({ name = 'stranger' }) {
  console.log('greeting', name);
  return { greeting: \`Hello \${name}!\` };
}
`;
const TS = `// Called for each invocation, with its parameters. Returns the result.
export function main({ name = 'stranger' }: { name?: string }): { greeting: string } {
  console.log('greeting', name);
  return { greeting: \`Hello \${name}!\` };
}
`;
const PY = `# Called for each invocation, with its parameters. Returns the result.
def main(args):
    name = args.get("name", "stranger")
    print("greeting", name)
    return {"greeting": f"Hello {name}!"}
`;
const LANGUAGES: Readonly<Record<string, { readonly file: string; readonly code: string }>> = {
  js: { file: 'hello.js', code: JS },
  ts: { file: 'hello.ts', code: TS },
  py: { file: 'hello.py', code: PY },
};

const manifest = (
  file: string,
): string => `# What 'palette-whisk dev' deploys. Without this file it deploys each source in the folder.
packages:
  default:
    actions:
      hello:
        function: ${file}
        web: true
        # The caller of a web action cannot replace its parameters.
        # parameters: { name: world }
        # Invocations with the same color meet the same warm container.
        # color: '{name}'
        # limits: { timeout: 60000, memory: 256 }
    # sequences:
    #   twice: { actions: [hello, /whisk.system/utils/echo] }
    # triggers:
    #   tick: { feed: /whisk.system/alarms/interval, parameters: { minutes: 1 } }
    # rules:
    #   onTick: { trigger: tick, action: hello }
`;

/** Makes a folder with a first function and a manifest. Existing files stay. @throws CommandError */
export function init(io: Io, folder: string, language: string): void {
  const found = own(LANGUAGES, language);
  if (!found) throw usageError(`'${language}' is not a known language: choose ${Object.keys(LANGUAGES).join(', ')}`);
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of [
      [found.file, found.code],
      ['palette.yaml', manifest(found.file)],
      ['.gitignore', 'node_modules/\n'],
    ] as const) {
      const path = join(folder, name);
      if (existsSync(path)) io.out(`kept ${path}, which exists\n`);
      else {
        writeFileSync(path, text);
        ok(io, `made ${path}`);
      }
    }
  } catch (error) {
    throw new CommandError(`cannot make the files of '${folder}': ${messageOf(error)}`);
  }
  io.out(`Start with: palette-whisk dev ${shellWord(folder)}\n`);
}
