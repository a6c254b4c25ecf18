import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { npmCi, retried } from '../retried.js';

/*
 * Clients of OpenWhisk that are too heavy for the project's own dependencies. They have a package of their own.
 */

/** Runs a script with arguments. Resolves to what it printed; rejects, with all that it said, where it fails. */
export type CommandLine = (script: string, ...args: string[]) => Promise<string>;

const run = promisify(execFile);

/** The folder of the clients' package. It stays with the sources, the compiler does not copy it. */
function clientsFolder(): string {
  const here = fileURLToPath(new URL('clients', import.meta.url));
  return existsSync(here) ? here : fileURLToPath(new URL('../../../test/e2e/clients', import.meta.url));
}

/** Where the clients' modules are. */
export const clientsModules = (): string => join(clientsFolder(), 'node_modules');

/** Whether the clients are there, in the versions that the lock file asks for. */
export function clientsInstalled(): boolean {
  const folder = clientsFolder();
  const read = (lock: string) =>
    (JSON.parse(readFileSync(join(folder, lock), 'utf8')) as { packages: Record<string, Locked> }).packages;
  const installed = 'node_modules/.package-lock.json';
  if (!existsSync(join(folder, installed))) return false;
  const found = read(installed);
  return Object.entries(read('package-lock.json')).every(
    ([path, { version, optional }]) => path === '' || optional === true || found[path]?.version === version,
  );
}

interface Locked {
  readonly version?: string;
  readonly optional?: boolean;
}

/** Installs the clients. @throws Error where that fails, as it does without a network. */
export async function installClients(): Promise<void> {
  await retried('the installation of the clients of the end-to-end tests', () =>
    npmCi(clientsFolder(), '--ignore-scripts'),
  );
}

/**
 * The scripts of a folder of one of those clients, each run in a process of its own. Nothing of this machine's settings for
 * OpenWhisk reaches it.
 */
export function commandLine(folder: string, environment: Readonly<Record<string, string>>, cwd?: string): CommandLine {
  const clients = clientsFolder();
  const env = { ...cleanEnvironment(), ...environment };
  return async (script, ...args) => {
    try {
      const { stdout } = await run(process.execPath, [join(clients, folder, script), ...args], {
        env,
        cwd: cwd ?? clients,
        timeout: 300_000,
        maxBuffer: 16 * 1024 * 1024,
      });
      return stdout;
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
      throw new Error(`${script} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`, { cause: error });
    }
  };
}

export interface CommandSession {
  readonly run: (...args: string[]) => Promise<string>;
  readonly close: () => void;
}

/** Like {@link commandLine}, with one process for all runs of one script, which takes commands as messages. One at a time. */
export function commandSession(
  script: string,
  environment: Readonly<Record<string, string>>,
  cwd: string,
): CommandSession {
  const child = fork(join(clientsFolder(), script), ['--session'], {
    env: { ...cleanEnvironment(), ...environment },
    execArgv: [],
    cwd,
  });
  return {
    run: async (...args) => {
      const answered = once(child, 'message', { signal: AbortSignal.timeout(SESSION_MS) });
      child.send(args);
      const [{ stdout, error }] = (await answered) as [{ stdout: string; error?: string }];
      if (error !== undefined) throw new Error(`${script} ${args.join(' ')} failed:\n${stdout}${error}`);
      return stdout;
    },
    close: () => child.kill(),
  };
}

const SESSION_MS = 300_000;

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:__OW_|WHISK_|OW_|NODE_OPTIONS$|NODE_CHANNEL_)/.test(name)),
  );
}
