import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RuntimeCommand } from './runtimeCommand.js';
import { codeOf, stderrOf } from '../../../shared/errors/reasons.js';

const BWRAP = 'bwrap';
/** The limit for a trial sandbox in ms. It normally starts in tens of milliseconds. */
const TRIAL_MS = 5000;
/** The user of actions inside the sandbox. Outside it is this process's user, without its capabilities. */
const INNER_ID = '1000';
/** The descriptor to which bubblewrap writes the process id of the command. */
export const INFO_DESCRIPTOR = 4;

/** System folders that programs need. A link (`/bin` to `/usr/bin`) stays a link. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** The visible parts of `/etc`: for name resolution, certificates and time zones. */
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
  /** The container's own folder, writable inside and outside. */
  readonly folder: string;
  /** Existing paths that are readable inside, at the same path. */
  readonly readable: readonly string[];
  /** The size of `/tmp` in bytes. It is in memory. */
  readonly tmpBytes: number;
}

/** The kind of a system path. */
export type PathKind = { readonly kind: 'missing' | 'there' } | { readonly kind: 'link'; readonly to: string };

/**
 * Wraps a command in bubblewrap. It sees the system's programs and libraries (read-only), its own folder, its own
 * `/tmp` and no other processes. It has no capabilities, but shares the network with this machine.
 * @param look returns the kind of a path of this machine.
 */
export function sandboxed(
  command: RuntimeCommand,
  paths: SandboxedPaths,
  look: (path: string) => PathKind = lookAt,
): RuntimeCommand {
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

/** Whether bubblewrap is usable, and if not, why. Never rejects. */
export async function detectSandbox(): Promise<{ readonly usable: true } | { readonly usable: false; reason: string }> {
  if (process.platform !== 'linux') return { usable: false, reason: 'bubblewrap runs on Linux only' };
  const trial = sandboxed(
    { program: process.execPath, args: ['--version'] },
    { folder: tmpdir(), readable: [], tmpBytes: 1024 * 1024 },
  );
  // The trial does not read the process id.
  const args = trial.args.filter((_, i) => trial.args[i] !== '--info-fd' && trial.args[i - 1] !== '--info-fd');
  try {
    await promisify(execFile)(trial.program, args, { timeout: TRIAL_MS });
    return { usable: true };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { usable: false, reason: 'bubblewrap (bwrap) is not installed' };
    const [said = ''] = stderrOf(error).split('\n');
    return { usable: false, reason: `bubblewrap does not work here: ${said === '' ? String(error) : said}` };
  }
}

function lookAt(path: string): PathKind {
  if (!existsSync(path)) return { kind: 'missing' };
  return lstatSync(path).isSymbolicLink() ? { kind: 'link', to: readlinkSync(path) } : { kind: 'there' };
}
