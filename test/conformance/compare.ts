import type { Answer, Step } from './replay.js';

/** A recorded answer. A step that compares statuses only has nothing else. */
export interface Recorded {
  status: number;
  headers?: Record<string, unknown>;
  body?: unknown;
}

export interface Difference {
  path: string;
  want: unknown;
  got: unknown;
  /** Only the text of an error differs. */
  textOnly: boolean;
}

/** Where an answer differs from the recorded one. More CORS headers than Apache OpenWhisk sends are welcome. */
export function compare(step: Step, want: Recorded, answer: Answer): Difference[] {
  const got: Recorded = { status: answer.status };
  if (step.compare !== 'status') {
    const picked: unknown = step.pick ? step.pick(answer.body) : answer.body;
    got.headers = { ...answer.headers };
    for (const name of step.ignoreHeaders ?? []) delete got.headers[name];
    for (const name of Object.keys(got.headers)) {
      if (name.startsWith('access-control-') && !(name in (want.headers ?? {}))) delete got.headers[name];
    }
    got.body = JSON.parse(JSON.stringify(normalize(picked) ?? null)) as unknown;
  }
  return differences(want, got);
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const VOLATILE = new Set(['activationId', 'cause', 'start', 'end', 'duration', 'updated', 'build', 'buildno']);
const VOLATILE_ANNOTATIONS = new Set(['waitTime', 'limits']);

const byKey = (a: unknown, b: unknown): number => keyOf(a).localeCompare(keyOf(b));
const keyOf = (value: unknown): string => (isFields(value) && typeof value['key'] === 'string' ? value['key'] : '');

/** Replaces what differs from run to run, so that two servers' answers can be compared. */
function normalize(value: unknown, key = '', parent?: Fields): unknown {
  if (key === 'code' && parent && 'error' in parent && typeof value === 'string') return '<tid>';
  if (VOLATILE.has(key) && (typeof value === 'string' || typeof value === 'number')) return `<${typeof value}>`;
  if (key === '__ow_headers') return '<headers>';
  if (Array.isArray(value)) return normalizeArray(value, key);
  if (isFields(value)) {
    const entries = Object.keys(value)
      .toSorted()
      .map((name) => [name, normalize(value[name], name, value)]);
    return Object.fromEntries(entries) as Fields;
  }
  return value;
}

function normalizeArray(values: unknown[], key: string): unknown[] {
  if (key === 'logs') {
    return values.map((line) => String(line).replace(/^\S+Z\s+(std(out|err): )?/, '<time> ')).toSorted();
  }
  if (key === 'annotations') {
    // `initTime` is there on a cold start only.
    return values
      .filter((a) => keyOf(a) !== 'initTime')
      .map((a) =>
        isFields(a) && VOLATILE_ANNOTATIONS.has(keyOf(a))
          ? { key: keyOf(a), value: `<${typeof a['value']}>` }
          : normalize(a),
      )
      .toSorted(byKey);
  }
  const normalized = values.map((value) => normalize(value));
  return key === 'parameters' ? normalized.toSorted(byKey) : normalized;
}

function differences(want: unknown, got: unknown, path = '$'): Difference[] {
  if (JSON.stringify(want) === JSON.stringify(got)) return [];
  const bothFields = isFields(want) && isFields(got);
  if (bothFields || (Array.isArray(want) && Array.isArray(got))) {
    const keys = new Set([...Object.keys(want as Fields), ...Object.keys(got as Fields)]);
    return [...keys].flatMap((key) => differences((want as Fields)[key], (got as Fields)[key], `${path}.${key}`));
  }
  const textOnly = typeof want === 'string' && typeof got === 'string' && /\.(error|message)$/.test(path);
  return [{ path, want, got, textOnly }];
}
