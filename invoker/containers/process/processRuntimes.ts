import { BLACKBOX } from '../../../shared/entities/exec.js';
import { isSkeleton } from '../../../shared/runtimes/image.js';
import {
  findPython,
  PYTHON_OPTIONS,
  pythonPackages,
  pythonRuntimeFile,
  pythonVersion,
} from '../../runtimes/python/hostPython.js';
import type { ContainerImage } from '../ContainerDriver.js';
import { nodeBinaries, nodeMajor, NODE_MAJORS, type NodeBinaries } from '../../runtimes/versions/NodeBinaries.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { nativeRuntime, nodeRuntime, type ProcessRuntime } from './runtimeCommand.js';

const ONLY =
  `without Docker only the kinds nodejs:${NODE_MAJORS.join(', :')} and those of python, and the image ` +
  'openwhisk/dockerskeleton (`--native`), run: start Docker';

/**
 * The runtime of an image as a process of this machine; or why it cannot run here, with the remedy. Looks for Python, and
 * downloads the binary of Node.js if it is not here.
 */
export async function processRuntime(
  { kind, reference }: Pick<ContainerImage, 'kind' | 'reference'>,
  binaries: NodeBinaries = nodeBinaries(),
): Promise<ProcessRuntime | string> {
  const major = nodeMajor(kind);
  if (major !== undefined) return binaries.get(major).then(({ program }) => nodeRuntime(program), messageOf);
  if (kind === BLACKBOX) return isSkeleton(reference) ? nativeRuntime() : ONLY;
  const version = pythonVersion(kind);
  if (version === undefined) return ONLY;
  if (process.platform === 'win32') return 'Python actions need Linux or macOS, or Docker';
  const python = await findPython(version);
  if (typeof python === 'string') return python;
  const file = pythonRuntimeFile();
  return {
    command: { program: python.program, args: [...PYTHON_OPTIONS, file] },
    readable: [file, pythonPackages(), ...(python.prefix === '/usr' ? [] : [python.prefix])],
  };
}
