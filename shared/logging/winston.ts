import winston from 'winston';
import { describeError } from '../errors/reasons.js';
import type { LogFields, Logger, LogLevel } from './Logger.js';

export interface LoggingOptions {
  level: LogLevel;
  format: 'text' | 'json';
  /** The target of lines; missing: standard output. */
  stream?: NodeJS.WritableStream | undefined;
}

/** A line in winston's formats. All properties but `fields` are text. */
type Info = winston.Logform.TransformableInfo;

/** Formats `[time] [LEVEL] [#tid_ID] [component] message name=value`, with escaped line breaks. */
function textLine({ timestamp, level, component, transid, message, fields }: Info): string {
  let line = `[${text(timestamp)}] [${level.toUpperCase()}] [#tid_${text(transid ?? 'sid_unknown')}] [${text(component)}] ${text(message)}`;
  for (const [name, value] of Object.entries(objectOf(fields))) {
    line += ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  }
  return line.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

/** Formats one JSON object: time, level, component, transid, message and the fields. */
function jsonLine({ timestamp, level, component, transid, message, fields }: Info): string {
  return JSON.stringify({ time: timestamp, level, component, transid, message, ...objectOf(fields) });
}

const objectOf = (fields: unknown): object => (typeof fields === 'object' && fields !== null ? fields : {});

const text = (value: unknown): string => (typeof value === 'string' ? value : String(value));

/** Makes a logger on winston. `end` resolves when all lines are written. */
export function createLogger(options: LoggingOptions): Logger & { end(): Promise<void> } {
  const root = winston.createLogger({
    level: options.level,
    format: winston.format.combine(
      winston.format.timestamp(),
      winston.format.printf(options.format === 'json' ? jsonLine : textLine),
    ),
    transports: [new winston.transports.Stream({ stream: options.stream ?? process.stdout })],
  });
  return Object.assign(new WinstonLogger(root, 'palette-whisk'), {
    end: () =>
      new Promise<void>((resolve) => {
        root.on('finish', () => resolve());
        root.end();
      }),
  });
}

class WinstonLogger implements Logger {
  readonly debugEnabled: boolean;
  readonly #root: winston.Logger;
  readonly #component: string;

  constructor(root: winston.Logger, component: string) {
    this.#root = root;
    this.#component = component;
    this.debugEnabled = root.isDebugEnabled();
  }

  debug(message: string, fields?: LogFields): void {
    if (this.debugEnabled) this.#write('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }
  component(name: string): Logger {
    return new WinstonLogger(this.#root, name);
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    const { transid, error, ...rest } = fields;
    if (error !== undefined) rest['error'] = describeError(error);
    this.#root.log({ level, message, component: this.#component, transid: transid?.id, fields: rest });
  }
}
