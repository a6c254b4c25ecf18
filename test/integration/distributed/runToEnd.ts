import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const KNOWN = ['KAFKA_HOSTS', 'CONFIG_whisk_couchdb_host', 'CONTROLLER_ID'];

/** Runs a main file, such as `controller/main`, until the process ends. */
export async function runToEnd(
  main: string,
  args: string[],
  settings: Record<string, string>,
): Promise<{ code: number | null; stderr: string }> {
  const source = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(`../../../${main}.${source ? 'ts' : 'js'}`, import.meta.url));
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !KNOWN.includes(name)));
  const child = spawn(process.execPath, [...(source ? ['--import', 'tsx'] : []), file, ...args], {
    env: { ...bare, ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode, stderr };
}
