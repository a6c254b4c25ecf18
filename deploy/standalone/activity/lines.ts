import type { RequestReport } from '../../../controller/http/requestReports.js';
import { STATUS_NAMES, StatusCode, type ActivationRecord } from '../../../shared/entities/activation.js';
import type { LiveLine } from '../../../invoker/activations/liveLines.js';
import { valueOf } from '../../../shared/entities/keyvalue.js';
import { harmless, type Paint } from './paint.js';

/** The most lines of one activation's log that are shown. */
const MAX_LOG_LINES = 200;
/** The most characters of one line of a log that are shown. */
const MAX_LOG_LENGTH = 2000;

/** Paths that probes ask again and again. They are not shown. */
const PROBES = new Set(['/ping', '/metrics', '/invokers/ready']);

export const isProbe = ({ method, path }: RequestReport): boolean => method === 'GET' && PROBES.has(path);

/** One line: time, method, path, status, duration, activation id. */
export function requestLine(report: RequestReport, at: Date, paint: Paint): string {
  const { method, path, status, ms, activationId } = report;
  const shownStatus = status === undefined ? paint('red', 'closed') : paint(statusStyle(status), String(status));
  return [
    paint('dim', clockTime(at)),
    paint('bold', harmless(method, 20).padEnd(6)),
    harmless(path, 300),
    shownStatus,
    duration(ms),
    ...(activationId === undefined ? [] : [paint('dim', activationId)]),
  ].join(' ');
}

/**
 * A line of an activation (time, action, status, durations, color and home, id), then its log, then the reason of its
 * failure. It does not contain parameters nor the result.
 */
export function activationLines(record: ActivationRecord, at: Date, paint: Paint): string[] {
  const { response, logs } = record;
  const shown = logs.slice(0, MAX_LOG_LINES).map((line) => `    ${logLine(line, paint)}`);
  if (logs.length > shown.length) {
    shown.push(`    … and ${logs.length - shown.length} more lines: activation logs ${record.activationId}`);
  }
  const reason = response.statusCode === StatusCode.success ? undefined : errorText(response.result);
  if (reason !== undefined) shown.push(`    ${paint('red', `error: ${harmless(reason, MAX_LOG_LENGTH)}`)}`);
  return [activationHead(record, at, paint), ...shown];
}

/** The first of the lines of an activation. */
export function activationHead(record: ActivationRecord, at: Date, paint: Paint): string {
  const { statusCode } = record.response;
  const facts = factsOf(record);
  const details = [
    facts.durationMs === undefined ? undefined : duration(facts.durationMs),
    facts.initMs === undefined ? undefined : `cold start ${duration(facts.initMs)}`,
    facts.color === undefined ? undefined : colorText(facts),
  ].filter((detail) => detail !== undefined);
  const head = [
    paint('dim', clockTime(at)),
    paint('cyan', 'ran   '),
    facts.path,
    paint(statusCode === StatusCode.success ? 'green' : 'red', STATUS_NAMES[statusCode]),
    details.join(', '),
    paint('dim', record.activationId),
  ];
  return head.filter((part) => part !== '').join(' ');
}

/** The same events as JSON objects, for `--log-format json`. */
export const requestJson = (report: RequestReport, at: Date): string =>
  JSON.stringify({ time: at.toISOString(), event: 'request', ...report, ms: Math.round(report.ms * 10) / 10 });

export function activationJson(record: ActivationRecord, at: Date): string {
  const { activationId, response, logs } = record;
  const failed = response.statusCode !== StatusCode.success;
  return JSON.stringify({
    time: at.toISOString(),
    event: 'activation',
    activationId,
    ...factsOf(record),
    status: STATUS_NAMES[response.statusCode],
    logs: logs.slice(0, MAX_LOG_LINES).map((line) => line.slice(0, MAX_LOG_LENGTH)),
    ...(failed ? { error: errorText(response.result) } : {}),
  });
}

interface Facts {
  readonly path: string;
  readonly durationMs?: number | undefined;
  readonly initMs?: number | undefined;
  readonly color?: string | undefined;
  readonly invoker?: string | undefined;
  /** Whether it ran at the color's home, and whether its container had served the color. */
  readonly home?: boolean | undefined;
  readonly hit?: boolean | undefined;
}

function factsOf({ namespace, name, annotations, duration }: ActivationRecord): Facts {
  const text = (key: string): string | undefined => {
    const value = valueOf(annotations, key);
    return typeof value === 'string' ? value : undefined;
  };
  const flag = (key: string): boolean | undefined => {
    const value = valueOf(annotations, key);
    return typeof value === 'boolean' ? value : undefined;
  };
  const init = valueOf(annotations, 'initTime');
  return {
    path: text('path') ?? `${namespace}/${name}`,
    durationMs: duration,
    initMs: typeof init === 'number' ? init : undefined,
    color: text('color'),
    invoker: text('invoker'),
    home: flag('colorHome'),
    hit: flag('colorHit'),
  };
}

function colorText({ color = '', invoker, home, hit }: Facts): string {
  const marks = [home === undefined ? undefined : home ? 'home' : 'away', hit ? 'hit' : undefined];
  const known = marks.filter((mark) => mark !== undefined).join(', ');
  const place = invoker === undefined ? '' : ` at ${invoker}`;
  return `color ${harmless(color, 100)}${place}${known === '' ? '' : ` (${known})`}`;
}

/** A line of an activation that still runs: time, action, activation id, text. @param shown the line's text, if not as it is. */
export function liveLine(live: LiveLine, at: Date, paint: Paint, shown = logLine(live.line, paint)): string {
  const { path, activationId, sure } = live;
  const whose = sure ? activationId : `${activationId} or another that runs in its container`;
  return [paint('dim', clockTime(at)), paint('cyan', 'log   '), path, paint('dim', whose), shown].join(' ');
}

/** A line of a log in OpenWhisk's format: time, stream, text. */
const LOG_LINE = /^\S+ +(stdout|stderr): (.*)$/s;

/** A line of a log without its time. */
export function logLine(line: string, paint: Paint): string {
  const [, stream, text] = LOG_LINE.exec(line) ?? [];
  if (stream === undefined || text === undefined) return harmless(line, MAX_LOG_LENGTH);
  return `${paint(stream === 'stderr' ? 'yellow' : 'dim', `${stream}:`)} ${harmless(text, MAX_LOG_LENGTH)}`;
}

/** The `error` of a failed activation's result, if it is a text or has a message. */
function errorText(result: unknown): string | undefined {
  if (typeof result !== 'object' || result === null || !('error' in result)) return undefined;
  const { error } = result;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return undefined;
}

const statusStyle = (status: number) => (status < 400 ? 'green' : status < 500 ? 'yellow' : 'red');

const duration = (ms: number): string => (ms < 10 ? `${ms.toFixed(1).replace(/\.0$/, '')} ms` : `${Math.round(ms)} ms`);

/** The local time of day with milliseconds. */
function clockTime(at: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  return `${time}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
