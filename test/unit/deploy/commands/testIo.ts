import { plain } from '../../../../deploy/standalone/activity/paint.js';
import type { Io } from '../../../../deploy/commands/client/Io.js';
import { run } from '../../../../deploy/commands/program.js';

/** The result of a command line. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a command line in this process. Properties are in the file `WSK_CONFIG_FILE` of `variables`.
 * @param onOut called with the whole standard output each time it grows
 */
export async function runCommand(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  stopping: AbortSignal = new AbortController().signal,
  onOut: (out: string) => void = () => undefined,
): Promise<Ran> {
  let out = '';
  let err = '';
  const io: Io = {
    variables,
    home: '/nonexistent',
    out: (text) => {
      out += text;
      onOut(out);
    },
    err: (text) => void (err += text),
    paint: plain,
    stopping,
  };
  const code = await run(args, io);
  return { code, out, err };
}
