import { isContainerArg } from './containerArgs.js';
import { COLOR_SETTINGS } from './colorSettings.js';
import { CONTROLLER_SETTINGS } from './controllerConfig.js';
import type { Environment } from './environment.js';
import { INVOKER_SETTINGS } from './invokerConfig.js';
import type { SettingTable } from './Setting.js';
import { TOPIC_SETTINGS } from './topicSettings.js';

const TABLES: readonly SettingTable[] = [
  CONTROLLER_SETTINGS,
  INVOKER_SETTINGS,
  COLOR_SETTINGS,
  ...Object.values<SettingTable>(TOPIC_SETTINGS),
];

/** The names of all settings of all processes. */
const KNOWN: ReadonlySet<string> = new Set(TABLES.flatMap((table) => Object.values(table).map(({ name }) => name)));

/** The prefix of OpenWhisk's settings. Other variables of the environment belong to other programs. */
const PREFIX = 'CONFIG_whisk_';
/** A name with more differences is not a misspelling. */
const MAX_DIFFERENCES = 6;

/**
 * A sentence for each variable `CONFIG_whisk_*` that has no effect.
 * @param honoured the names that this process reads; missing: those of all processes.
 */
export function unknownSettings(environment: Environment, honoured: ReadonlySet<string> = KNOWN): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !honoured.has(name) && !isContainerArg(name))
    .map((name) => {
      if (KNOWN.has(name)) return `${name} has no effect on this server`;
      const near = nearest(name, KNOWN);
      return `${name} is not a setting${near === undefined ? '' : `; did you mean ${near}?`}`;
    });
}

function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = MAX_DIFFERENCES + 1;
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const count = differences(name.toLowerCase(), candidate.toLowerCase());
    if (count < fewest) [best, fewest] = [candidate, count];
  }
  return best;
}

/** The number of characters to insert, remove or replace to make `b` of `a` (Levenshtein's distance). */
function differences(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
