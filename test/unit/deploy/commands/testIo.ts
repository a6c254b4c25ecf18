import { plain } from '../../../../deploy/standalone/activity/paint.js';
import type { Io } from '../../../../deploy/commands/client/Io.js';
import { run } from '../../../../deploy/commands/program.js';

/** The result of a command line. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. Properties are in the file `WSK_CONFIG_FILE` of `variables`. */
export async function runCommand(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  stopping: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  let out = '';
  let err = '';
  const io: Io = {
    variables,
    home: '/nonexistent',
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    paint: plain,
    stopping,
  };
  const code = await run(args, io);
  return { code, out, err };
}
