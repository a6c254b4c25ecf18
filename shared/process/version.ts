import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const manifestSchema = z.object({ version: z.string() });

/** The version of this program, from the `package.json` of the sources or of the folder above `dist`. */
export function programVersion(): string {
  const places = ['../../package.json', '../../../package.json'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const place = places.find((path) => existsSync(path));
  if (place === undefined) return 'unknown';
  return manifestSchema.parse(JSON.parse(readFileSync(place, 'utf8'))).version;
}

/** Prints the version if the command line is `--version`. @returns whether it did. */
export function printsVersion(
  args: readonly string[],
  output: { write(text: string): unknown } = process.stdout,
): boolean {
  if (args.length !== 1 || (args[0] !== '--version' && args[0] !== '-V')) return false;
  output.write(`${programVersion()}\n`);
  return true;
}
