import { printsVersion } from './version.js';

/**
 * Prints the version for `--version`, and `usage` for `--help`. @returns whether it did, so that the program ends.
 * @param usage the text, with the line break at its end.
 */
export function printsAboutItself(
  args: readonly string[],
  usage: string,
  output: { write(text: string): unknown } = process.stdout,
): boolean {
  if (printsVersion(args, output)) return true;
  if (args.length !== 1 || (args[0] !== '--help' && args[0] !== '-h')) return false;
  output.write(usage);
  return true;
}
