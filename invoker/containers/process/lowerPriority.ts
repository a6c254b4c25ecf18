import { writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** A third of the weight of a process with nice 0, such as the server. */
const NICE = 5;

/** The kernel takes one change of an automatic group each 100 ms from users who are not root. */
const ATTEMPTS = 10;
const PAUSE_MS = 150;

/**
 * Gives the leader of a session, and all that it starts, a third of the server's weight on a busy processor, so that
 * endless loops do not starve the server. For processes without a control group. Never rejects: without a lower priority
 * the process runs as well.
 *
 * Linux may group processes by session and divide the processor among the groups (`CONFIG_SCHED_AUTOGROUP`, sched(7)).
 * Then a nice value only counts within the session, and the group has one of its own.
 */
export async function lowerPriority(pid: number): Promise<void> {
  try {
    setPriority(pid, NICE);
  } catch {
    // It has ended.
    return;
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const code = await writeFile(`/proc/${pid}/autogroup`, String(NICE)).catch((error: unknown) =>
      error instanceof Error && 'code' in error ? error.code : 'unknown',
    );
    if (code !== 'EAGAIN') return;
    await sleep(PAUSE_MS, undefined, { ref: false });
  }
}
