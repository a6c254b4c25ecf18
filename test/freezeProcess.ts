import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { eventually } from './e2e/eventually.js';

/**
 * Stops a process. Resolves once it does nothing more: its other threads go on until one of them has taken the signal, which takes a
 * while on a busy machine.
 */
export async function freezeProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await eventually(() => assert.ok(threadStates(pid).every((state) => state === 'T')));
}

/** The states of the threads of a process, as `ps` has them; elsewhere than on Linux the state of the process. */
function threadStates(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks))
    return [execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).slice(0, 1)];
  return readdirSync(tasks).map((task) => {
    const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  });
}
