/** What a newcomer has to know of a server that has just started. */
export interface Started {
  /** Where the API is reached from this machine, such as `http://127.0.0.1:3233`. */
  readonly url: string;
  readonly guestKey: string;
  readonly driver: 'docker' | 'process';
  /** Why this driver: what was asked for, or what answered. */
  readonly driverReason: string;
  readonly dataFolder: string;
  /** From the start of the process, in ms. */
  readonly startMs: number;
}

/** The lines that the server prints once it answers. */
export function banner({ url, guestKey, driver, driverReason, dataFolder, startMs }: Started): string {
  const authorization = `-u ${guestKey}`;
  return `
palette-whisk is ready at ${url} (in ${startMs} ms)

  API host     ${url}
  guest key    ${guestKey}
  containers   ${driver}: ${driverReason}
  data         ${dataFolder}

Use it with wsk:

  wsk property set --apihost ${url} --auth ${guestKey}

or try it with curl:

  curl -s ${authorization} -H 'Content-Type: application/json' -X PUT '${url}/api/v1/namespaces/_/actions/hello?overwrite=true' \\
    -d '{"exec":{"kind":"nodejs:20","code":"function main(args) { return { greeting: \`Hello \${args.name}!\` } }"}}'
  curl -s ${authorization} -H 'Content-Type: application/json' -X POST '${url}/api/v1/namespaces/_/actions/hello?blocking=true&result=true' \\
    -d '{"name":"Palette"}'
`;
}
