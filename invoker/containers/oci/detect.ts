import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { codeOf } from '../../../shared/errors/reasons.js';
import { Cgroups } from '../cgroups/Cgroups.js';
import { detectDocker } from '../docker/detect.js';

/** `R`: what is found in addition to the runtime. */
export type OciDetection<R = object> =
  | (R & {
      readonly usable: true;
      readonly program: OciProgram;
      /** For the user: name and version. */
      readonly runtime: string;
    })
  | { readonly usable: false; /** One line, for the user. */ readonly reason: string };

/** The runtimes that the driver knows. The first one starts containers in half of the time. */
const OCI_PROGRAMS = ['crun', 'runc'] as const;
export type OciProgram = (typeof OCI_PROGRAMS)[number];

/** The other programs that the driver needs, and the argument with which each prints its version. */
const PROGRAMS = [
  ['ip', '-V', 'iproute2'],
  ['iptables', '--version', 'iptables'],
  ['unshare', '--version', 'util-linux'],
  ['nsenter', '--version', 'util-linux'],
  ['mount', '--version', 'mount'],
  ['tar', '--version', 'tar'],
] as const;
const PROGRAM_MS = 5000;

/**
 * Whether containers can run by an OCI runtime here with images of Docker, and if not, why. Never rejects.
 * @param wanted the runtime; missing: crun if it is installed, otherwise runc.
 */
export async function detectOci(wanted?: OciProgram): Promise<OciDetection<{ readonly docker: Docker }>> {
  const found = await detectOciRuntime(wanted);
  if (!found.usable) return found;
  const engine = await detectDocker();
  if (engine.usable) return { ...found, docker: engine.docker };
  return { usable: false, reason: `images come from Docker or from CONTAINER_OCI_LAYOUTS, and ${engine.reason}` };
}

/** Whether containers can run by an OCI runtime here, and if not, why. Never rejects. @param wanted as for `detectOci`. */
export async function detectOciRuntime(wanted?: OciProgram): Promise<OciDetection> {
  if (process.platform !== 'linux') return { usable: false, reason: 'OCI runtimes run on Linux only' };
  if (process.getuid?.() !== 0)
    return { usable: false, reason: 'only root can mount, and make networks, for containers' };
  const runtime = await firstRuntime(wanted === undefined ? OCI_PROGRAMS : [wanted]);
  if (typeof runtime === 'string') return { usable: false, reason: runtime };
  for (const [program, argument, from] of PROGRAMS) {
    const asked = await ask(program, argument, from);
    if (!asked.works) return { usable: false, reason: asked.reason };
  }
  const groups = await Cgroups.open('probe');
  if (!groups.usable) return { usable: false, reason: groups.reason };
  await groups.cgroups.close();
  return { usable: true, ...runtime };
}

/** The first runtime that works, with the first line that it prints, or why none does. */
async function firstRuntime(
  programs: readonly OciProgram[],
): Promise<{ readonly program: OciProgram; readonly runtime: string } | string> {
  const reasons: string[] = [];
  for (const program of programs) {
    const asked = await ask(program, '--version', program);
    if (asked.works) return { program, runtime: asked.said.split('\n')[0] ?? program };
    reasons.push(asked.reason);
  }
  return reasons.join(', and ');
}

type Asked = { readonly works: true; readonly said: string } | { readonly works: false; readonly reason: string };

/** Whether a program is installed and works. @param from the package that has it. */
async function ask(program: string, argument: string, from: string): Promise<Asked> {
  try {
    const { stdout } = await promisify(execFile)(program, [argument], { timeout: PROGRAM_MS });
    return { works: true, said: stdout };
  } catch (error) {
    const what = codeOf(error) === 'ENOENT' ? `is not installed (package ${from})` : `fails: ${String(error)}`;
    return { works: false, reason: `${program} ${what}` };
  }
}
