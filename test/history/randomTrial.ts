import { randomNumbers } from './ObjectHistory.js';
import type { InvokerEvent, Trial } from './randomFailures.js';

/** Events that need two invokers that are up: the objects of a single one would be lost with it. */
const LEAVING = [
  'newest dies',
  'newest restarts',
  'newest drains',
  'newest is cut off',
  'oldest dies',
  'oldest restarts',
  'oldest drains',
  'oldest is cut off',
] as const satisfies readonly InvokerEvent[];
/** A color has four homes, and as many former ones are asked. */
const MOST_UP = 4;
const MOST_AWAY = 3;

/** A trial with random events. */
export function randomTrial(seed: number): Trial {
  const random = randomNumbers(Math.imul(seed, 0x85ebca6b));
  // The first numbers of close seeds are close.
  for (let skipped = 0; skipped < 8; skipped++) random();
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const events: InvokerEvent[] = [];
  let up = 2;
  let away = 0;
  const count = 3 + Math.floor(random() * 6);
  while (events.length < count) {
    const event = pick([...LEAVING, 'joins', 'joins', 'joins', 'all come back', 'all come back'] as const);
    if (event === 'joins') {
      if (up >= MOST_UP) continue;
      up++;
    } else if (event === 'all come back') {
      if (away === 0) continue;
      up += away;
      away = 0;
    } else {
      const comesBack = event.endsWith('drains') || event.endsWith('is cut off');
      if (up < 2 || (comesBack && away >= MOST_AWAY)) continue;
      if (!event.endsWith('restarts')) up--;
      if (comesBack) away++;
    }
    events.push(event);
  }
  const soon = random() < 0.6;
  return {
    changes: pick([0.3, 0.75]),
    requests: 0.5,
    colors: 24,
    steps: 2 + Math.floor(random() * 3),
    events,
    // A change that another invoker has passed on before it died may be executed at any time.
    suddenly: soon || random() < 0.5,
    ...(random() < 0.4 ? { ttls: 0.4, slow: 0.4 } : {}),
    ...(random() < 0.2 ? { many: true } : {}),
    ...(soon ? { soon: 0.7 } : {}),
    ...(random() < 0.3 ? { losing: true } : {}),
    ...(random() < 0.6 ? { moves: pick([0.05, 0.2]) } : {}),
  };
}
