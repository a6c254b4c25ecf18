import { backupFolder, checkFolder, compactFolder, restoreFolder } from '../../../shared/store/embedded/maintenance.js';
import type { AdminCommand } from './commandLine.js';

/** A command on the folder of an embedded store. */
export type DataCommand = Extract<AdminCommand, { verb: `data ${string}` }>;

export const isDataCommand = (command: AdminCommand): command is DataCommand => command.verb.startsWith('data ');

/** Runs a command on a data folder. Yields the lines to print. @throws StoreError */
export async function* runOnFolder(command: DataCommand, data: string, now: Date): AsyncGenerator<string> {
  switch (command.verb) {
    case 'data check': {
      yield `reading ${data} ...`;
      const { pages, fileBytes, format } = await checkFolder(data);
      yield `${data} is whole: ${pages} pages in use of a file of ${megabytes(fileBytes)}, format ${format.format} of version ${format.program}`;
      return;
    }
    case 'data backup': {
      yield `copying ${data} ...`;
      yield `${command.folder} has the databases of ${data}: ${megabytes(await backupFolder(data, command.folder))}`;
      return;
    }
    case 'data restore': {
      const kept = await restoreFolder(data, command.folder, now);
      yield `${data} has the databases of ${command.folder}`;
      if (kept !== undefined) yield `the old data file is ${kept}`;
      return;
    }
    case 'data compact': {
      yield `compacting ${data} ...`;
      const { before, after } = await compactFolder(data);
      yield `compacted ${data} from ${megabytes(before)} to ${megabytes(after)}`;
      return;
    }
    default:
      throw new Error(`unknown command ${String(command satisfies never)}`);
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MB`;
