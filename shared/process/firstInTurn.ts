/**
 * The first result of several tasks. The next task begins when one has failed, or when none has ended for `pauseMs`; those
 * that began before go on.
 * @throws the last error, if all tasks fail.
 */
export function firstInTurn<Value>(tasks: readonly (() => Promise<Value>)[], pauseMs: number): Promise<Value> {
  return new Promise((resolve, reject) => {
    let begun = 0;
    let failed = 0;
    let late: NodeJS.Timeout | undefined;
    let over = false;
    const beginNext = (): void => {
      clearTimeout(late);
      const task = over ? undefined : tasks[begun];
      if (!task) return;
      begun++;
      late = setTimeout(beginNext, pauseMs);
      task().then(
        (value) => {
          over = true;
          clearTimeout(late);
          resolve(value);
        },
        (error: unknown) => {
          failed++;
          if (failed < tasks.length) beginNext();
          else reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    };
    beginNext();
  });
}
