import { TOKEN_USER } from '../../shared/access/operators.js';
import type { StandaloneServer } from './server.js';
import { WELL_KNOWN_USERS } from './users.js';

/**
 * The lines that the server prints after its start.
 * @param startMs the duration of the start, in ms.
 */
export function banner(server: StandaloneServer, startMs: number): string {
  const { url, containers, dataFolder, operator } = server;
  const guestKey = WELL_KNOWN_USERS.guest;
  const { port } = new URL(url);
  const authorization = `-u ${guestKey}`;
  return `
palette-whisk is ready at ${url} (in ${startMs} ms)

  API host     ${url}
  guest key    ${guestKey}
  containers   ${containers.kind === 'sandbox' ? 'process' : containers.kind}: ${containers.reason}
  data         ${dataFolder}
  operator     ${operator.token === undefined ? `user ${operator.credentials?.username}` : `${TOKEN_USER}:${operator.token} (until the next start)`}

Use it with palette-whisk (docs/command-line.md), which needs no setting on this machine:

  palette-whisk${port === '3233' ? '' : ` --apihost ${url}`} action list

or with wsk:

  wsk property set --apihost ${url} --auth ${guestKey}

or try it with curl:

  curl -s ${authorization} -H 'Content-Type: application/json' -X PUT '${url}/api/v1/namespaces/_/actions/hello?overwrite=true' \\
    -d '{"exec":{"kind":"nodejs:20","code":"function main(args) { return { greeting: \`Hello \${args.name}!\` } }"}}'
  curl -s ${authorization} -H 'Content-Type: application/json' -X POST '${url}/api/v1/namespaces/_/actions/hello?blocking=true&result=true' \\
    -d '{"name":"Palette"}'
`;
}
