import { COLOR_SETTINGS } from './colorSettings.js';
import { CONTROLLER_SETTINGS } from './controllerConfig.js';
import { COUCHDB_SETTINGS } from './couchdbSettings.js';
import { INVOKER_SETTINGS } from './invokerConfig.js';
import { KAFKA_SETTINGS } from './kafkaSettings.js';
import { LIMIT_SETTINGS } from './limitSettings.js';
import { PROCESS_SETTINGS } from './processSettings.js';
import type { Setting, SettingTable } from './Setting.js';
import { TOPIC_SETTINGS } from './topicSettings.js';

/** The page `docs/configuration.md`, generated from the tables of settings. */
export function configurationPage(): string {
  const shared: SettingTable = {
    ...PROCESS_SETTINGS,
    ...KAFKA_SETTINGS,
    ...COUCHDB_SETTINGS,
    ...LIMIT_SETTINGS,
    ...COLOR_SETTINGS,
  };
  const own = (table: SettingTable): Setting<unknown>[] =>
    Object.entries(table)
      .filter(([key]) => !(key in shared))
      .map(([, setting]) => setting);
  return `# Configuration

Environment variables configure the controller and the invoker. They have the names of Apache OpenWhisk's deployments where
OpenWhisk has the setting. If a variable is missing or invalid, the process prints one line that names it and ends with exit
code 1. An empty variable counts as not set. Write sizes as \`256 m\` or \`1 GB\`, and durations as \`100 ms\`, \`10 seconds\` or
\`5 m\`. The standalone server reads these variables, too, except those of Kafka, CouchDB, HTTPS, addresses and names:
its command line sets its address and its memory. At its start, each process warns about unknown variables \`CONFIG_whisk_*\`, and
suggests the nearest known name.

\`npm run docs\` generates this page from the code.

## Controllers and invokers

${settingsTable(Object.values(PROCESS_SETTINGS))}

### Kafka

${settingsTable(Object.values(KAFKA_SETTINGS))}

#### Topics

These settings apply to new topics. Existing topics keep their settings. The message sizes of \`invoker\` and \`completed\` follow from
the limits on activations.

${settingsTable(Object.values(TOPIC_SETTINGS).flatMap((settings): Setting<unknown>[] => Object.values(settings)))}

### CouchDB

${settingsTable(Object.values(COUCHDB_SETTINGS))}

### Limits

Set the same limits on all controllers and invokers.

${settingsTable(Object.values(LIMIT_SETTINGS))}

## Controllers

The command line may name the controller's id: \`node dist/controller/main.js 0\`.

${settingsTable(own(CONTROLLER_SETTINGS))}

### Colors

Set the same values on all controllers.

${settingsTable(Object.values(COLOR_SETTINGS))}

## Invokers

The command line may name \`--id\`, \`--uniqueName\` and \`--displayedName\`, as OpenWhisk's does.

${settingsTable(own(INVOKER_SETTINGS))}

Two lists have one variable for each entry, as in OpenWhisk's deployments:

- \`CONFIG_whisk_containerFactory_containerArgs_extraEnvVars_0\`, \`…_1\`: \`NAME=VALUE\`, an environment variable of all containers;
- \`CONFIG_whisk_containerFactory_containerArgs_extraArgs_NAME_0\`, \`…_1\`: the values of an argument of \`docker run\`, such as
  \`extraArgs_label_0=team=a\` or \`extraArgs_logDriver_0=json-file\` (for \`--log-driver\`).
`;
}

function settingsTable(settings: readonly Setting<unknown>[]): string {
  const rows = settings.map(({ name, about, need, standard }) => {
    const sentence = about.charAt(0).toUpperCase() + about.slice(1) + (/[.…]$/.test(about) ? '' : '.');
    const value =
      need === 'required' ? '**required**' : need === 'optional' || standard === ',' ? '' : `\`${standard}\``;
    return `| \`${name}\` | ${value} | ${sentence.replaceAll('|', '\\|')} |`;
  });
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}
