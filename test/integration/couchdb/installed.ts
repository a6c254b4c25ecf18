import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CouchProgram } from './OwnCouch.js';

const ANSWER_MS = 5000;
const CREDENTIALS = 'admin:of tests';

/** The CouchDB that is installed in `home`, as it comes but for where it listens and keeps its data. */
export function installedCouch(home: string): CouchProgram {
  return {
    credentials: CREDENTIALS.replace(' ', '%20'),
    start(folder, port) {
      const [ini, args, log] = ['local.ini', 'vm.args', 'log.txt'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(ini, settings(folder, port));
      // The name of a node is in its databases, and has to be no other running one's.
      const vm = readFileSync(join(home, 'etc/vm.args'), 'utf8').replace(/^-name .*$/m, `-name test${port}@127.0.0.1`);
      writeFileSync(args, vm);
      const output = openSync(log, 'a');
      // There is nobody whom this node would have to find: epmd stays out of it.
      const child = spawn(join(home, 'bin/couchdb'), ['-start_epmd', 'false', '-erl_epmd_port', '0'], {
        stdio: ['ignore', output, output],
        env: {
          ...process.env,
          COUCHDB_ARGS_FILE: args,
          COUCHDB_INI_FILES: `${join(home, 'etc/default.ini')} ${ini}`,
        },
      });
      closeSync(output);
      return child;
    },
    async answers(port) {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/_up`, { signal: AbortSignal.timeout(ANSWER_MS) });
        await answer.arrayBuffer();
        return answer.ok;
      } catch {
        return false;
      }
    },
  };
}

function settings(folder: string, port: number): string {
  const [name, password] = CREDENTIALS.split(':');
  return `[couchdb]
single_node = true
database_dir = ${folder}
view_index_dir = ${folder}
[smoosh]
state_dir = ${folder}
[chttpd]
port = ${port}
[admins]
${name} = ${password}
`;
}
