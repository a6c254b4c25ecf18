import { Command, CommanderError } from 'commander';
import { programVersion } from '../../shared/process/version.js';
import { CommandError, EXIT } from './client/CommandError.js';
import type { Io } from './client/Io.js';
import { foldPairs } from './client/keyValues.js';
import { addCompletion } from './completion.js';
import { addAction } from './verbs/action.js';
import { addActivation } from './verbs/activation.js';
import { addInvoke } from './verbs/invoke.js';
import { addNamespace } from './verbs/namespace.js';
import { addPackage } from './verbs/package.js';
import { addProperty } from './verbs/property.js';
import { addRule } from './verbs/rule.js';
import { addTrigger } from './verbs/trigger.js';

/** Makes the command line's commands. */
export function createProgram(io: Io): Command {
  const program = new Command('palette-whisk')
    .description('Functions on your own machine or cluster, with the API of Apache OpenWhisk.')
    .version(programVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      // `report` prints errors.
      outputError: () => {},
    });

  program.commandsGroup('Servers:');
  program.command('start [options...]').description("start a server ('start --help' lists its options)");
  program
    .command('admin [command...]')
    .description("administer users, limits and data ('admin --help' lists the commands)");
  program.commandsGroup('Development:');
  program
    .command('init [folder]')
    .description('make a folder with a first function')
    .option('--language <name>', 'js, ts or py', 'js')
    .action(async (folder: string | undefined, options: { readonly language: string }) => {
      const { init } = await import('./dev/init.js');
      init(io, folder ?? '.', options.language);
    });
  addDev(program);
  program.commandsGroup('Entities:');
  addInvoke(program, io);
  addAction(program, io);
  addActivation(program, io);
  addTrigger(program, io);
  addRule(program, io);
  addPackage(program, io);
  addNamespace(program, io);
  program.commandsGroup('This command:');
  addProperty(program, io);
  addCompletion(program, io);
  return program;
}

/** `dev FOLDER`. Its process is a server, too, so it does not use `Io`. */
function addDev(program: Command): void {
  program
    .command('dev [folder]')
    .description('deploy the functions of a folder, again at each change, and print what they do')
    .option(
      '--apihost <host>',
      'the server to deploy to (default: the server on this machine, otherwise a new one in this process)',
    )
    .option('-u, --auth <key>', 'the key of the user')
    .option('-i, --insecure', 'accept any certificate of the server')
    .option('--port <port>', 'the port of the server on this machine or in this process (default: 3233)')
    .option('--docker', 'run actions in Docker containers')
    .option('--sandbox', 'run actions in processes that bubblewrap isolates')
    .option('--process', 'run actions in processes without isolation')
    .option('--force', 'replace entities that were not deployed from this folder')
    .option('--once', 'deploy, and end')
    .action(async (folder: string | undefined, options: Readonly<Record<string, string | boolean | undefined>>) => {
      const { runDev } = await import('./dev/dev.js');
      await runDev(folder ?? '.', options);
    });
}

/** Runs a command line. @returns the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(verbFirst(foldPairs(args)), { from: 'user' });
    return 0;
  } catch (error) {
    return report(io, error);
  }
}

/** The options of the server with a value, and without, that `wsk` accepts before the verb. */
const VALUE_OPTIONS = new Set(['--apihost', '--auth', '-u', '--apiversion', '--cert', '--key']);
const FLAG_OPTIONS = new Set(['-i', '--insecure']);

/** Moves options of the server that stand before the verb behind it. */
function verbFirst(args: readonly string[]): string[] {
  let at = 0;
  for (;;) {
    const word = args[at] ?? '';
    if (VALUE_OPTIONS.has(word)) at += 2;
    else if (FLAG_OPTIONS.has(word) || VALUE_OPTIONS.has(word.split('=')[0] ?? '')) at += 1;
    else break;
  }
  return [...args.slice(at), ...args.slice(0, at)];
}

/** What helps after errors of the command line, by their codes. */
const HELP: Readonly<Record<string, string>> = {
  'commander.unknownCommand': '--help lists the commands',
  'commander.unknownOption': '--help lists the options',
  'commander.missingArgument': '--help shows the arguments',
  'commander.excessArguments': '--help shows the arguments',
  'commander.optionMissingArgument': '--help lists the options',
};

/** Prints an error in one line. @returns the exit code. */
function report(io: Io, error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return EXIT.usage;
    const help = HELP[error.code];
    const text = error.message.replaceAll(/\s*\n\s*/g, ' ');
    io.err(help === undefined || text.includes('Did you mean') ? `${text}\n` : `${text} (${help})\n`);
    return EXIT.usage;
  }
  if (error instanceof CommandError) {
    if (error.message !== '') io.err(`error: ${error.message}\n`);
    return error.exitCode;
  }
  io.err(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.failed;
}
