import { execFile } from 'node:child_process';
import { constants, homedir, setPriority } from 'node:os';
import { codeOf, stderrOf } from '../../../shared/errors/reasons.js';

/**
 * Runs npm.
 * @throws Error with npm's reason in a few words
 */
export type Npm = (args: readonly string[], options: { readonly limitMs: number }) => Promise<void>;

/** npm waits 10 s and more between attempts by default. A user who creates an action waits for the answer. */
const PATIENCE = ['--fetch-retries=1', '--fetch-retry-mintimeout=200', '--fetch-retry-maxtimeout=1000'];

/** Runs the npm of this machine at a low priority, in the user's home: this project's own configuration does not apply. */
export const runNpm: Npm = (args, { limitMs }) =>
  new Promise((resolve, reject) => {
    const options = { timeout: limitMs, cwd: homedir(), maxBuffer: 16 * 1024 * 1024 };
    const child = execFile('npm', [...args, ...PATIENCE, '--loglevel=error'], options, (error, _stdout, stderr) => {
      if (!error) resolve();
      else reject(new Error(npmReason(Object.assign(error, { stderr })), { cause: error }));
    });
    if (child.pid === undefined) return;
    try {
      setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // The process has ended.
    }
  });

/** The reason in npm's output, in a few words. */
export function npmReason(error: Error): string {
  if (codeOf(error) === 'ENOENT') return 'npm is not installed';
  if ('killed' in error && error.killed === true) return 'npm did not answer in time';
  const lines = stderrOf(error)
    .split('\n')
    .map((line) => line.replace(/^npm (?:error|ERR!) ?/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('A complete log'));
  const code = lines.find((line) => line.startsWith('code '))?.slice('code '.length);
  const [text] = lines.filter((line) => !/^(code|syscall|errno|path) /.test(line));
  return `npm: ${[code, text].filter((part) => part !== undefined).join(', ') || error.message}`.slice(0, 200);
}
