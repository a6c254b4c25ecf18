/*
 * A history of invocations, and what is wrong with it. Pure: everything that happened comes in as data.
 */

/** How one invocation was answered, as its client saw it. */
export interface Answer {
  /** Of the activation, where the server accepted it. */
  readonly id: string | undefined;
  /** The client asked to wait for the result. */
  readonly blocking: boolean;
  /** HTTP status; 0 where the connection broke, or no process listened. */
  readonly status: number;
  /** Why it was refused, in the words of the server or of the connection; empty where it was accepted. */
  readonly reason: string;
  /** From the request until the answer. */
  readonly tookMs: number;
  /** When it was answered, in ms of the same clock as `History.backAt`. */
  readonly at: number;
  /** The client gave up waiting. */
  readonly unanswered: boolean;
}

/** A record of an activation, as it was read in the end. */
export interface RecordSeen {
  readonly id: string;
  readonly success: boolean;
  /** It says that a container had been given the activation when its invoker failed. */
  readonly given: boolean;
  /** Why it failed, in the words of the record; empty where it succeeded. */
  readonly error: string;
}

export interface History {
  readonly answers: readonly Answer[];
  /** The id of each run, in the order in which the action began: an id twice means that it ran twice. */
  readonly runs: readonly string[];
  /** Records that were found by id. */
  readonly records: readonly RecordSeen[];
  /** Ids as the list of activations has them. */
  readonly listed: readonly string[];
  /** When what was broken was back, in ms of the clock of `Answer.at`. */
  readonly backAt: number;
  /** How long each consumer that lost its group took to join it again, in ms. */
  readonly rejoinsMs: readonly number[];
}

/** How long answers may take, in ms. */
export interface Limits {
  /** To accept or to refuse an invocation. */
  readonly answerMs: number;
  /** To answer an accepted invocation whose client waits for the result. */
  readonly resultMs: number;
  /** A container that was given an activation and died before the action's first line leaves no trace of it. So many may. */
  readonly containers: number;
}

/** Counts of one trial; those of `FAULTS` have to be 0. */
export interface Verdict {
  readonly invocations: number;
  readonly accepted: number;
  readonly refused: number;
  /** Accepted, and its record says failure. */
  readonly failed: number;
  /** Of these, activations that never began, beyond those that containers may have been given: see `Limits.containers`. */
  readonly 'failed, not begun': number;
  /** Accepted, without a record. */
  readonly lost: number;
  /** Recorded, and missing from the list. */
  readonly unlisted: number;
  /** Ids that the list has more than once. */
  readonly doubled: number;
  readonly 'run twice': number;
  readonly unanswered: number;
  /** Answered after more than the limit. */
  readonly late: number;
  /** Of refusals. A failed activation may be answered 500 too, with its record. */
  readonly 'errors (500)': number;
  readonly 'slowest answer (ms)': number;
  /** From the return of the broken part until the last refusal of an invocation that was sent after it; 0: none was refused. */
  readonly 'refuses for (ms)': number;
  /** Of a consumer that joined its group again; 0: none did. */
  readonly 'slowest rejoin (ms)': number;
}

/** The names of the counts. */
export const COUNTS = [
  'invocations',
  'accepted',
  'refused',
  'failed',
  'failed, not begun',
  'lost',
  'unlisted',
  'doubled',
  'run twice',
  'unanswered',
  'late',
  'errors (500)',
  'slowest answer (ms)',
  'refuses for (ms)',
  'slowest rejoin (ms)',
] as const satisfies readonly (keyof Verdict)[];

/** The counts that must be 0. */
const FAULTS = [
  'failed, not begun',
  'lost',
  'unlisted',
  'doubled',
  'run twice',
  'unanswered',
  'late',
  'errors (500)',
] as const;

export function judge({ answers, runs, records, listed, backAt, rejoinsMs }: History, limits: Limits): Verdict {
  const accepted = new Set(answers.flatMap(({ id }) => (id === undefined ? [] : [id])));
  const recorded = new Map(records.map(({ id, success }) => [id, success]));
  const begun = new Set(runs);
  const inList = new Set(listed);
  const failed = [...accepted].filter((id) => recorded.get(id) === false);
  const given = new Set(records.flatMap((record) => (record.given ? [record.id] : [])));
  const untraced = failed.filter((id) => !begun.has(id));
  const givenUntraced = untraced.filter((id) => given.has(id)).length;
  const answered = answers.filter(({ unanswered }) => !unanswered);
  const refusedLater = answers.filter(({ id, at, tookMs }) => id === undefined && at - tookMs >= backAt);
  return {
    invocations: answers.length,
    accepted: accepted.size,
    refused: answered.filter(({ id }) => id === undefined).length,
    failed: failed.length,
    'failed, not begun': untraced.length - Math.min(givenUntraced, limits.containers),
    lost: [...accepted].filter((id) => !recorded.has(id)).length,
    unlisted: [...accepted].filter((id) => recorded.has(id) && !inList.has(id)).length,
    doubled: listed.length - inList.size,
    'run twice': repeated(runs),
    unanswered: answers.length - answered.length,
    late: answered.filter((answer) => isLate(answer, limits)).length,
    'errors (500)': answered.filter(({ id, status }) => id === undefined && status === 500).length,
    'slowest answer (ms)': Math.round(Math.max(0, ...answered.map(({ tookMs }) => tookMs))),
    'refuses for (ms)': Math.round(Math.max(0, ...refusedLater.map(({ at }) => at - backAt))),
    'slowest rejoin (ms)': Math.max(0, ...rejoinsMs),
  };
}

const isLate = ({ id, blocking, tookMs }: Answer, { answerMs, resultMs }: Limits): boolean =>
  tookMs > (blocking && id !== undefined ? resultMs : answerMs);

/** How often invocations were refused, by status and reason. */
export function refusals(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { id, status, reason } of answers) {
    if (id !== undefined) continue;
    const key = `${status} ${reason}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** How often accepted activations failed, by the error in the record. */
export function failures(records: readonly RecordSeen[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { success, error } of records) if (!success) counts[error] = (counts[error] ?? 0) + 1;
  return counts;
}

/** Whether everything that must be 0 is 0. */
export const isSound = (verdict: Verdict): boolean => FAULTS.every((fault) => verdict[fault] === 0);

/** The verdicts of several rounds as one: sums, and the longest times of all. */
export function total(verdicts: readonly Verdict[]): Verdict {
  const sum = (count: keyof Verdict): number => verdicts.reduce((all, verdict) => all + verdict[count], 0);
  return {
    invocations: sum('invocations'),
    accepted: sum('accepted'),
    refused: sum('refused'),
    failed: sum('failed'),
    'failed, not begun': sum('failed, not begun'),
    lost: sum('lost'),
    unlisted: sum('unlisted'),
    doubled: sum('doubled'),
    'run twice': sum('run twice'),
    unanswered: sum('unanswered'),
    late: sum('late'),
    'errors (500)': sum('errors (500)'),
    'slowest answer (ms)': Math.max(0, ...verdicts.map((verdict) => verdict['slowest answer (ms)'])),
    'refuses for (ms)': Math.max(0, ...verdicts.map((verdict) => verdict['refuses for (ms)'])),
    'slowest rejoin (ms)': Math.max(0, ...verdicts.map((verdict) => verdict['slowest rejoin (ms)'])),
  };
}

/** How many values stand more than once. */
function repeated(values: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].filter((count) => count > 1).length;
}
