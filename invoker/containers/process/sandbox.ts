import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from './runtimeCommand.js';

const BWRAP = 'bwrap';
/** A sandbox starts in tens of milliseconds, or does not work here. */
const TRIAL_MS = 5000;
/** The user as whom actions run inside; outside it is this process's user, without any of its rights. */
const INNER_ID = '1000';
/** The descriptor on which bubblewrap says the process id of the command. */
export const INFO_DESCRIPTOR = 4;

/** Folders of the system that programs need; a link (`/bin` to `/usr/bin`) stays a link. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Files and folders of `/etc` that name resolution, certificates and time zones need. Nothing else of `/etc` is seen. */
const ETC = [
  'alternatives',
  'ca-certificates',
  'crypto-policies',
  'hosts',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'nsswitch.conf',
  'pki',
  'protocols',
  'resolv.conf',
  'services',
  'ssl',
];

export interface SandboxedPaths {
  /** Of this container alone: written inside and outside. */
  readonly folder: string;
  /** Read inside at the same path, where they are there. */
  readonly readable: readonly string[];
  /** The bytes that `/tmp` may hold, which is in memory. */
  readonly tmpBytes: number;
}

/** How a path of the system is there. */
export type PathKind = { readonly kind: 'missing' | 'there' } | { readonly kind: 'link'; readonly to: string };

/**
 * A command that runs another one under bubblewrap: it sees the system's programs and libraries read-only, its own folder,
 * an own `/tmp`, no other process, and has no capability. It shares the network with this machine.
 * @param look how a path of this machine is there.
 */
export function sandboxed(command: Command, paths: SandboxedPaths, look: (path: string) => PathKind = lookAt): Command {
  const system = SYSTEM.flatMap((path): string[] => {
    const found = look(path);
    if (found.kind === 'missing') return [];
    return found.kind === 'link' ? ['--symlink', found.to, path] : ['--ro-bind', path, path];
  });
  const etc = ETC.flatMap((name) => ['--ro-bind-try', join('/etc', name), join('/etc', name)]);
  const own = [command.program, ...paths.readable].flatMap((path) => ['--ro-bind-try', path, path]);
  const namespaces = ['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'];
  const identity = ['--uid', INNER_ID, '--gid', INNER_ID, '--hostname', 'action', '--cap-drop', 'ALL'];
  const life = ['--die-with-parent', '--as-pid-1', '--info-fd', String(INFO_DESCRIPTOR)];
  const virtual = ['--proc', '/proc', '--dev', '/dev', '--size', String(paths.tmpBytes), '--tmpfs', '/tmp'];
  // Later mounts cover earlier ones: a folder below /tmp comes after it.
  const folder = ['--bind', paths.folder, paths.folder, '--chdir', paths.folder];
  const options = [namespaces, identity, life, system, etc, virtual, own, folder].flat();
  return { program: BWRAP, args: [...options, '--', command.program, ...command.args] };
}

/** Whether bubblewrap works here, and if not, why. Never rejects. */
export async function detectSandbox(): Promise<{ readonly usable: true } | { readonly usable: false; reason: string }> {
  if (process.platform !== 'linux') return { usable: false, reason: 'bubblewrap runs on Linux only' };
  const trial = sandboxed(
    { program: process.execPath, args: ['--version'] },
    { folder: tmpdir(), readable: [], tmpBytes: 1024 * 1024 },
  );
  // Nothing listens for the process id here.
  const args = trial.args.filter((_, i) => trial.args[i] !== '--info-fd' && trial.args[i - 1] !== '--info-fd');
  try {
    await promisify(execFile)(trial.program, args, { timeout: TRIAL_MS });
    return { usable: true };
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') return { usable: false, reason: 'bubblewrap (bwrap) is not installed' };
    const said = stderr?.trim().split('\n')[0] ?? '';
    return { usable: false, reason: `bubblewrap does not work here: ${said === '' ? String(error) : said}` };
  }
}

function lookAt(path: string): PathKind {
  if (!existsSync(path)) return { kind: 'missing' };
  return lstatSync(path).isSymbolicLink() ? { kind: 'link', to: readlinkSync(path) } : { kind: 'there' };
}
