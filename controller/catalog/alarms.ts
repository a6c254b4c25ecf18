import { BUILTIN_ANNOTATION } from '../invocation/builtin.js';
import type { CatalogAction, CatalogPackage, ParameterNote } from './entries.js';
import type { JsonObject } from '../../shared/entities/keyvalue.js';

/** What runs where no controller stands in for these actions. */
const CODE = `function main() {
  return { error: { error: 'This feed is served by the controller of palette-whisk, and another one was asked.' } };
}
`;

const DATES: readonly ParameterNote[] = [
  { name: 'startDate', required: false, description: 'When it begins' },
  { name: 'stopDate', required: false, description: 'When it ends' },
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
  takes: [{ name: 'trigger_payload', required: false, description: 'What the trigger is fired with' }],
  parameters: { trigger_payload: '' },
  actions: [
    feed('alarm', 'Fires a trigger by a cron pattern', [
      { name: 'cron', required: true, description: 'Five fields, or six with seconds first' },
      { name: 'timezone', required: false, description: 'Where the pattern counts; UTC by default' },
      { name: 'strict', required: false, description: 'Whether seconds have to be exact' },
      { name: 'maxTriggers', required: false, description: 'How often at most' },
      ...DATES,
    ]),
    feed(
      'interval',
      'Fires a trigger every so many minutes',
      [{ name: 'minutes', required: true, description: 'How many' }, ...DATES],
      { isInterval: true },
    ),
    feed(
      'once',
      'Fires a trigger at one moment',
      [
        { name: 'date', required: true, description: 'The moment' },
        { name: 'deleteAfterFire', required: false, description: 'false, true, or rules: what is deleted after it' },
      ],
      { fireOnce: true },
    ),
  ],
};
