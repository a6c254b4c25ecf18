import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Runs a program of this folder in a process of its own, and resolves to its message.
 * @param task its only argument, as JSON.
 * @throws Error if it ends without a message
 */
export async function callProgram<Answer>(name: 'caller' | 'peerCaller', task: object): Promise<Answer> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [JSON.stringify(task)]);
  const exited = once(child, 'exit');
  const early = exited.then(([code]) => {
    throw new Error(`${name} ended with code ${String(code)} and no figures`);
  });
  early.catch(() => undefined);
  const message: unknown[] = await Promise.race([once(child, 'message'), early]);
  await exited;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the program is a file of this folder
  return message[0] as Answer;
}
