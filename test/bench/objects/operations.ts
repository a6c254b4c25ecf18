import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectService } from '../../../invoker/objects/ObjectService.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { CallerTask, Figures } from './caller.js';
import { callProgram } from './callProgram.js';
import { MAX_GET_P50_MS, MAX_WAKE_P50_MS, MIN_INCREMENTS_PER_S, MIN_MB_PER_S } from './goals.js';
import { startRedis } from './redis.js';
import { format, type Context } from './report.js';

const MB = 1024 * 1024;
const GUEST = { uuid: 'bench', name: 'bench', limitBytes: undefined };

/**
 * The operations at the home of a color. The objects are those of a real invoker's service over its Unix socket. Both they
 * and Redis are called from one other process, in turns, so that a busy machine slows both. Redis (`redis-server`) is
 * called by a client of a few lines, which does less than any library. Without Redis there are no ratios.
 */
export async function measureOperations(context: Context): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'pw-'));
  const service = new ObjectService({
    invoker: 'i',
    instance: 0,
    boundBytes: 512 * MB,
    folder: join(base, 'o'),
    tcpHost: undefined,
    log: silentLogger,
  });
  await service.start();
  const redis = await startRedis(base);
  if (!redis) context.progress('redis-server is not installed (apt install redis-server): no ratios');
  try {
    const url = service.socketUrl(service.folder);
    const task: CallerTask = {
      url,
      token: service.token(GUEST),
      redisPort: redis?.port,
      rounds: context.full ? 27 : 9,
    };
    add(context, await callProgram<Figures>('caller', task));
  } finally {
    await redis?.stop();
    await service.stop(1000);
    rmSync(base, { recursive: true, force: true });
  }
}

function add(context: Context, { objects, redis }: Figures): void {
  const row = (
    name: string,
    value: number,
    other: number | undefined,
    unit: string,
    goal: { text: string; met: boolean } | undefined,
  ): void => {
    const beside = other === undefined ? undefined : `Redis ${format(other)}, ratio ${(value / other).toFixed(2)}`;
    context.add({ name, value, unit, beside, goal });
  };
  const { getMs, mbPerS, wakeMs, incrementsPerS, sharedPerS } = objects;
  row('get 64 KB, p50', getMs, redis?.getMs, 'ms', { text: `<= ${MAX_GET_P50_MS} ms`, met: getMs <= MAX_GET_P50_MS });
  if (redis) row('get 64 KB, p50', getMs, redis.getMs, 'ms', { text: 'ratio <= 1', met: getMs <= redis.getMs });
  row('get 1 MB', mbPerS, redis?.mbPerS, 'MB/s', { text: `>= ${MIN_MB_PER_S}`, met: mbPerS >= MIN_MB_PER_S });
  row('wait: put to wake, p50', wakeMs, redis?.wakeMs, 'ms', {
    text: `<= ${MAX_WAKE_P50_MS} ms`,
    met: wakeMs <= MAX_WAKE_P50_MS,
  });
  row('increment, 64 at once', sharedPerS, redis?.incrementsPerS, '/s', {
    text: `>= ${MIN_INCREMENTS_PER_S}`,
    met: sharedPerS >= MIN_INCREMENTS_PER_S,
  });
  row('increment, a request for each', incrementsPerS, redis?.incrementsPerS, '/s', undefined);
}
