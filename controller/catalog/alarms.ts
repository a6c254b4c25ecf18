import { BUILTIN_ANNOTATION } from '../invocation/builtin.js';
import type { CatalogAction, CatalogPackage, ParameterNote } from './entries.js';
import type { JsonObject } from '../../shared/entities/keyvalue.js';

/** The code that runs if the controller does not serve these actions itself. */
const CODE = `function main() {
  return { error: { error: 'The controller of palette-whisk serves this feed, but another controller got the request.' } };
}
`;

const DATES: readonly ParameterNote[] = [
  { name: 'startDate', required: false, description: 'The first date at which the alarm may fire' },
  { name: 'stopDate', required: false, description: 'The date at which the alarm ends' },
];

function feed(
  name: string,
  description: string,
  takes: readonly ParameterNote[],
  parameters?: JsonObject,
): CatalogAction {
  const annotations = { feed: true, [BUILTIN_ANNOTATION]: true };
  return { name, description, takes, annotations, code: CODE, ...(parameters ? { parameters } : {}) };
}

/** `/whisk.system/alarms`: feeds that fire triggers on time. */
export const alarms: CatalogPackage = {
  name: 'alarms',
  description: 'Feeds that fire triggers on time',
  takes: [{ name: 'trigger_payload', required: false, description: 'The payload of the trigger' }],
  parameters: { trigger_payload: '' },
  actions: [
    feed('alarm', 'Fires a trigger by a cron pattern', [
      { name: 'cron', required: true, description: 'A cron pattern: five fields, or six with the seconds first' },
      { name: 'timezone', required: false, description: 'The timezone of the pattern; UTC by default' },
      { name: 'strict', required: false, description: 'Whether the trigger fires exactly at the second' },
      { name: 'maxTriggers', required: false, description: 'The maximum number of fires' },
      ...DATES,
    ]),
    feed(
      'interval',
      'Fires a trigger at an interval in minutes',
      [{ name: 'minutes', required: true, description: 'The interval in minutes' }, ...DATES],
      { isInterval: true },
    ),
    feed(
      'once',
      'Fires a trigger once, at a date',
      [
        { name: 'date', required: true, description: 'The date' },
        {
          name: 'deleteAfterFire',
          required: false,
          description:
            'What to delete after the fire: false (nothing), true (the trigger), or rules (the trigger and its rules)',
        },
      ],
      { fireOnce: true },
    ),
  ],
};
