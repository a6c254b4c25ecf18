import { STATUS_NAMES, StatusCode, type ActivationRecord } from '../../../shared/entities/activation.js';
import { valueOf, type Json } from '../../../shared/entities/keyvalue.js';
import type { LiveLine } from '../../../invoker/activations/liveLines.js';
import { activationHead, liveLine, logLine } from '../../standalone/activity/lines.js';
import { harmless, type Paint } from '../../standalone/activity/paint.js';
import type { Activation } from '../client/entities.js';
import { excerpt, locate } from './traces.js';

const MAX_LINES = 200;
const MAX_LENGTH = 2000;
/** A line of code with its number, in a log or an error. */
const EXCERPT = /(?:^|std(?:out|err): )\s*\d+ \| /;

/** Where the code of actions comes from. */
export interface Sources {
  /** The folder of the project. */
  readonly folder: string;
  /** The file or folder of an action, by `name` or `package/name`. */
  readonly sourceOf: (name: string) => string | undefined;
}

/**
 * The lines of an activation for a developer: what the server prints, with the stack traces of the sources, the code at
 * their first place, and the result.
 */
export function developerLines(record: ActivationRecord, at: Date, paint: Paint, sources: Sources): string[] {
  const { response, logs } = record;
  const source = sources.sourceOf(localName(pathOf(record)));
  const errors = response.statusCode === StatusCode.success ? [] : errorLines(response.result);
  // Our Node.js runtime shows the code itself where an action fails; other runtimes do not.
  let marked = [...logs, ...errors].some((line) => EXCERPT.test(line));
  /** A line of a log or of an error, with the file of the source. */
  const traced = (text: string): string[] => {
    const found = source === undefined ? undefined : locate(text, source, sources.folder);
    if (!found) return [text];
    if (marked) return [found.text];
    marked = true;
    return [
      found.text,
      ...excerpt(sources.folder, found.place).map((line) => paint('yellow', harmless(line, MAX_LENGTH))),
    ];
  };
  const lines = logs.slice(0, MAX_LINES).flatMap((line) => traced(logLine(line, paint)));
  if (logs.length > MAX_LINES)
    lines.push(`… and ${logs.length - MAX_LINES} more lines: activation logs ${record.activationId}`);
  if (response.statusCode === StatusCode.success)
    lines.push(`${paint('dim', 'result:')} ${shortJson(response.result)}`);
  else {
    for (const line of errors) lines.push(...traced(paint('red', harmless(line, MAX_LENGTH))));
  }
  return [activationHead(record, at, paint), ...lines.map((line) => `    ${line}`)];
}

/** A line of an activation that still runs, with the file of the source if it names one. */
export function developerLine(live: LiveLine, at: Date, paint: Paint, sources: Sources): string {
  const source = sources.sourceOf(localName(live.path));
  const shown = logLine(live.line, paint);
  return liveLine(live, at, paint, source === undefined ? shown : locate(shown, source, sources.folder)?.text);
}

function pathOf({ namespace, name, annotations }: ActivationRecord): string {
  const path = valueOf(annotations, 'path');
  return typeof path === 'string' ? path : `${namespace}/${name}`;
}

/** The action's name without its namespace. */
const localName = (path: string): string => path.split('/').slice(1).join('/');

function shortJson(result: Json | undefined): string {
  const text = JSON.stringify(result ?? {});
  return harmless(text, MAX_LENGTH);
}

/** The error of a result, with its stack if it has one. */
function errorLines(result: Json | undefined): string[] {
  const error = typeof result === 'object' && result !== null && !Array.isArray(result) ? result['error'] : undefined;
  if (error === undefined) return [`result: ${shortJson(result)}`];
  if (typeof error === 'string') return `error: ${error}`.split('\n').slice(0, MAX_LINES);
  const stack = typeof error === 'object' && error !== null && !Array.isArray(error) ? error['stack'] : undefined;
  if (typeof stack === 'string') return `error: ${stack}`.split('\n').slice(0, MAX_LINES);
  return [`error: ${shortJson(error)}`];
}

/** The record of an activation as the API shows it. */
export function recordOf({ response, ...activation }: Activation): ActivationRecord {
  const code = STATUS_NAMES.findIndex((name) => name === response.status);
  const statusCode =
    code === 1
      ? StatusCode.applicationError
      : code === 2
        ? StatusCode.developerError
        : code === 3
          ? StatusCode.whiskError
          : StatusCode.success;
  return {
    version: '0.0.1',
    subject: activation.namespace,
    publish: false,
    ...activation,
    duration: activation.end === 0 ? undefined : activation.end - activation.start,
    response: { statusCode, result: response.result },
  };
}
