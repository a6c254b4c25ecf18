import { parseArgs, type ParseArgsConfig } from 'node:util';
import { messageOf } from '../../shared/errors/reasons.js';
import { printsAboutItself } from '../../shared/process/help.js';

/**
 * Parses the options of a bench. Prints `usage` and ends with 0 for `--help`. Prints one line and ends with 2 for an
 * invalid command line.
 */
export function benchOptions<const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  if (printsAboutItself(process.argv.slice(2), usage)) process.exit(0);
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}. See --help.\n`);
    return process.exit(2);
  }
}

/**
 * The arguments of a bench without other options, which `accepts` allows. Prints `usage` and ends with 0 for `--help`.
 * Prints one line and ends with 2 for another argument.
 */
export function benchArguments(usage: string, accepts: (text: string) => boolean = () => false): readonly string[] {
  const given = process.argv.slice(2);
  if (printsAboutItself(given, usage)) process.exit(0);
  const unknown = given.find((text) => !accepts(text));
  if (unknown === undefined) return given;
  process.stderr.write(`'${unknown}' is not an argument of this bench. See --help.\n`);
  return process.exit(2);
}
