/**
 * The runtime of any executable, with the contract of OpenWhisk's image `dockerskeleton`; see `NativeService`. It runs
 * alone in a container or as a child process, so its files must not import a package or the rest of the project, except
 * for those of the Node.js runtime.
 *
 * Arguments and environment: see `serveActions`.
 */
import { join } from 'node:path';
import { serveActions } from '../nodejs/ActionServer.js';
import { NativeService } from './NativeService.js';

/** The status of a process that was killed, as shells write it. */
const KILLED = 137;

serveActions(
  (endLogs) =>
    new NativeService({
      folder: join(process.cwd(), 'action'),
      environment: process.env,
      stdout: (chunk) => void process.stdout.write(chunk),
      stderr: (chunk) => void process.stderr.write(chunk),
      endLogs,
      end: () => process.exit(KILLED),
    }),
  { ownProcess: true },
);
