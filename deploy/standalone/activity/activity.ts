import type { RequestReport } from '../../../controller/http/requestReports.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import type { LiveLine } from '../../../invoker/activations/liveLines.js';
import { LineQueue, type Sink } from './LineQueue.js';
import { activationJson, activationLines, isProbe, liveLine, requestJson, requestLine } from './lines.js';
import { LiveLines } from './LiveLines.js';
import type { Paint } from './paint.js';

/**
 * Is told each request and each activation when it has ended, and lines of logs while their activations run. Must be
 * quick and must not throw.
 */
export interface Activity {
  readonly request?: ((report: RequestReport) => void) | undefined;
  readonly activation?: ((record: ActivationRecord) => void) | undefined;
  /** Missing: nobody wants to know, and it costs nothing. */
  readonly line?: ((line: LiveLine) => void) | undefined;
}

export interface ActivityLogOptions {
  readonly sink: Sink;
  readonly format: 'text' | 'json';
  readonly paint: Paint;
  readonly now: () => Date;
}

/**
 * Prints requests and activations through a bounded queue, and lines of activations that run for longer. As JSON, an
 * activation is one object that has its log, so that it can be parsed by itself.
 */
export function activityLog({ sink, format, paint, now }: ActivityLogOptions): Activity & { flush(): Promise<void> } {
  const queue = new LineQueue({
    sink,
    ...(format === 'json' ? { dropped: (lines: number) => JSON.stringify({ event: 'dropped', lines }) } : {}),
  });
  const live = new LiveLines({ show: (line) => queue.add(liveLine(line, now(), paint)) });
  return {
    request(report) {
      if (isProbe(report)) return;
      queue.add(format === 'json' ? requestJson(report, now()) : requestLine(report, now(), paint));
    },
    activation(record) {
      if (format === 'json') queue.add(activationJson(record, now()));
      else {
        const rest = { ...record, logs: live.ended(record.logs) };
        for (const line of activationLines(rest, now(), paint)) queue.add(line);
      }
    },
    ...(format === 'json' ? {} : { line: (line: LiveLine) => live.line(line) }),
    flush() {
      live.flush();
      return queue.flush();
    },
  };
}
