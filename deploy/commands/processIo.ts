import { homedir } from 'node:os';
import { paintFor } from '../standalone/activity/paint.js';
import type { Io } from './client/Io.js';

/** The input and output of this process. */
export function processIo(): Io {
  // `palette-whisk action list | head` closes the pipe early. That is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  return {
    variables: process.env,
    home: homedir(),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    paint: paintFor(process.stdout, process.env),
    stopping: new AbortController().signal,
  };
}
