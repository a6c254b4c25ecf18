import type { Trial } from '../../history/randomFailures.js';
const FAILING = { changes: 0.75, requests: 0.5 };

export const TRIALS: Record<string, Trial> = {
  'in memory, at two invokers and in the store': { ...FAILING, colors: 200, steps: 8 },
  'with times that end': { ...FAILING, colors: 200, steps: 8, ttls: 0.4, slow: 0.4 },
  'in colors with very many stored objects': { ...FAILING, colors: 100, steps: 8, many: true },
  'while their home changes': { ...FAILING, colors: 100, steps: 3, events: ['joins', 'joins', 'joins', 'joins'] },
  'while their home dies': {
    ...FAILING,
    colors: 40,
    steps: 4,
    events: ['newest dies', 'joins', 'oldest dies', 'joins', 'newest restarts', 'oldest restarts'],
  },
  'while their home drains, or is cut off': {
    ...FAILING,
    colors: 40,
    steps: 4,
    events: [
      'joins',
      'newest is cut off',
      'all come back',
      'oldest is cut off',
      'joins',
      'all come back',
      'newest drains',
    ],
  },
  'while their home drains in the middle of changes': {
    ...FAILING,
    colors: 40,
    steps: 4,
    events: ['joins', 'newest drains', 'all come back', 'oldest drains', 'joins', 'all come back'],
    suddenly: true,
  },
  'while their home dies in the middle of changes': {
    ...FAILING,
    colors: 40,
    steps: 4,
    events: ['newest dies', 'joins', 'oldest dies', 'joins', 'newest restarts', 'oldest restarts'],
    suddenly: true,
  },
};
