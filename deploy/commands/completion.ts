import type { Argument, Command } from 'commander';
import { Api } from './client/Api.js';
import { usageError } from './client/CommandError.js';
import { listedEntities } from './client/entities.js';
import type { Io } from './client/Io.js';
import { connectionOf } from './client/properties.js';
import { own } from '../../shared/collections/own.js';

const NAME = 'palette-whisk';

/** The scripts for shells. They ask this program which words may follow. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_palette_whisk() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(${NAME} __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _palette_whisk ${NAME}
`,
  zsh: `#compdef ${NAME}
_palette_whisk() {
  local -a found
  found=(\${(f)"$(${NAME} __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _palette_whisk ${NAME}
`,
  fish: `complete -c ${NAME} -a '(${NAME} __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

/** Adds `completion SHELL`, and the hidden command that the scripts call. */
export function addCompletion(program: Command, io: Io): void {
  program
    .command('completion <shell>')
    .description('print the completion script for bash, zsh or fish')
    .addHelpText('after', `\nFor bash, add this line to ~/.bashrc:\n\n  eval "$(${NAME} completion bash)"`)
    .action((shell: string) => {
      const script = own(SCRIPTS, shell);
      if (script === undefined)
        throw usageError(`'${shell}' is not a known shell: choose ${Object.keys(SCRIPTS).join(', ')}`);
      io.out(script);
    });
  program.command('__complete [words...]', { hidden: true }).action(async (words: string[]) => {
    for (const candidate of await candidates(program, words, (collection) => namesOf(io, collection))) {
      io.out(`${candidate}\n`);
    }
  });
}

/** The collections whose names complete the first word after these verbs. */
const COLLECTIONS: ReadonlyMap<string, string> = new Map([
  ['action', 'actions'],
  ['trigger', 'triggers'],
  ['rule', 'rules'],
  ['package', 'packages'],
]);
/** Verbs that take a new name. */
const NEW_NAMES = new Set(['create', 'bind']);

/**
 * The words that may stand at the end of a command line.
 * @param words the words after the program's name; the last one is incomplete.
 * @param names lists the names of entities of a collection.
 */
export async function candidates(
  program: Command,
  words: readonly string[],
  names: (collection: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const current = words.at(-1) ?? '';
  let command = program;
  let operands = 0;
  for (const word of words.slice(0, -1)) {
    const inner = command.commands.find((one) => one.name() === word);
    if (inner && operands === 0) command = inner;
    else if (!word.startsWith('-')) operands += 1;
  }
  if (current.startsWith('-')) {
    const flags = command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? []);
    return [...flags, '--help'].filter((flag) => flag.startsWith(current));
  }
  const inner = command.commands.map((one) => one.name()).filter((name) => !name.startsWith('__'));
  if (inner.length > 0) return inner.filter((name) => name.startsWith(current));
  const collection = collectionOf(command);
  if (collection === undefined || operands > 0) return [];
  return (await names(collection)).filter((name) => name.startsWith(current));
}

/** The collection whose names are the first operand of a command. */
function collectionOf(command: Command): string | undefined {
  const [first]: readonly Argument[] = command.registeredArguments;
  if (first?.name() !== 'name' || NEW_NAMES.has(command.name())) return undefined;
  const parent = command.name() === 'invoke' ? 'action' : (command.parent?.name() ?? '');
  return COLLECTIONS.get(parent);
}

/** The longest wait for the server while a shell waits, in ms. */
const NAMES_MS = 500;

/** The names of entities of the user's namespace; none if the server does not answer in time. */
async function namesOf(io: Io, collection: string): Promise<string[]> {
  const api = new Api(connectionOf({}, io));
  try {
    if (!(await api.answers(NAMES_MS))) return [];
    const { body } = await api.call('GET', `/namespaces/_/${collection}?limit=200&skip=0`);
    return listedEntities(body).map(({ namespace, name }) => [...namespace.split('/').slice(1), name].join('/'));
  } catch {
    // A shell has no place for errors.
    return [];
  } finally {
    api.close();
  }
}
