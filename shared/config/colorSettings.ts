import { POLICY_NAMES, POLICY_OPTIONS, type PolicyMaker, type PolicyOptions } from '../colors/ColorPolicy.js';
import { ConfigurationError, standard, type SettingValues } from './Setting.js';
import { above, duration, integer, oneOf } from './values.js';

const { seed, choices, virtualNodes, loadFactor, loadFloor, maxColors, rebalanceAbove, rebalanceTo, maxBucketMoves } =
  POLICY_OPTIONS;

/** How colors are mapped to invokers; every controller of an installation has to be told the same. */
export const COLOR_SETTINGS = {
  colorPolicy: standard(
    'COLOR_POLICY',
    oneOf(...POLICY_NAMES),
    'consistent-hashing',
    'How colors are mapped to invokers.',
  ),
  colorPatience: standard(
    'COLOR_PATIENCE',
    duration,
    '100 ms',
    'A colored invocation waits at its home if it is expected to wait no longer than this; 0: not at all.',
  ),
  colorHomes: standard(
    'COLOR_HOMES',
    integer(1, 64),
    '3',
    'How many invokers of its order, its home counted, may make a colored invocation wait.',
  ),
  colorMoveTime: standard(
    'COLOR_MOVE_TIME',
    duration,
    '10 seconds',
    'An invoker that joins or comes back gets its colors over this time; 0: at once.',
  ),
  colorChoices: standard(
    'COLOR_CHOICES',
    integer(1, 64),
    String(choices),
    'How many invokers a color tries, its home counted, before it is placed as if it were none.',
  ),
  colorSeed: standard(
    'COLOR_SEED',
    integer(0, 0xffffffff),
    String(seed),
    'Another one gives every color another home.',
  ),
  colorVirtualNodes: standard(
    'COLOR_VIRTUAL_NODES',
    integer(1, 4096),
    String(virtualNodes),
    '`consistent-hashing`, `bounded-load`: points of an invoker on the ring.',
  ),
  colorLoadFactor: standard(
    'COLOR_LOAD_FACTOR',
    above(1),
    String(loadFactor),
    '`bounded-load`: an invoker gets at most this many times the mean load.',
  ),
  colorLoadFloor: standard(
    'COLOR_LOAD_FLOOR',
    integer(1, 1_000_000),
    String(loadFloor),
    '`bounded-load`: an invoker always gets this many invocations at once, whatever the mean.',
  ),
  colorMaxColors: standard(
    'COLOR_MAX_COLORS',
    integer(1, 100_000_000),
    String(maxColors),
    '`least-assigned`: how many colors are remembered; those not seen for longest are forgotten.',
  ),
  colorRebalanceAbove: standard(
    'COLOR_REBALANCE_ABOVE',
    above(1),
    String(rebalanceAbove),
    '`bucket-hashing`: buckets begin to move when the busiest invoker has more than this many times the mean load …',
  ),
  colorRebalanceTo: standard('COLOR_REBALANCE_TO', above(1), String(rebalanceTo), '… and stop at this.'),
  colorMaxBucketMoves: standard(
    'COLOR_MAX_BUCKET_MOVES',
    integer(0, 16_384),
    String(maxBucketMoves),
    '`bucket-hashing`: how many of the 16,384 buckets move at most every ten seconds.',
  ),
  colorGoneAfter: standard(
    'COLOR_GONE_AFTER',
    duration,
    '10 minutes',
    'The colors of an invoker that is down for so long get new homes; until then they wait for it elsewhere.',
  ),
};

export interface ColorConfig {
  /** Of the installation; a namespace or an action may name another one. */
  readonly policy: string;
  readonly parameters: PolicyOptions;
  /** A colored invocation waits at its home if it is expected to wait no longer than this, in ms. */
  readonly patienceMs: number;
  /** How many invokers of a color's order may make it wait. */
  readonly homes: number;
  /** An invoker that joins or comes back gets its colors over so many ms. */
  readonly moveMs: number;
  /** Whether there may be other controllers to share tables with; missing: yes. */
  readonly shared?: boolean | undefined;
  /** Policies besides the known ones, by their names. */
  readonly custom?: Readonly<Record<string, PolicyMaker>> | undefined;
  /** The colors of an invoker that is down for so many ms get new homes. */
  readonly goneAfterMs: number;
}

/** @throws ConfigurationError where settings that are right by themselves do not go together. */
export function colorConfig(values: SettingValues<typeof COLOR_SETTINGS>): ColorConfig {
  const { colorRebalanceAbove: above, colorRebalanceTo: to } = values;
  if (to > above) {
    const { colorRebalanceAbove, colorRebalanceTo } = COLOR_SETTINGS;
    throw new ConfigurationError(
      `${colorRebalanceTo.name} must be at most ${colorRebalanceAbove.name}, ${above}, not ${to}`,
    );
  }
  return {
    policy: values.colorPolicy,
    patienceMs: values.colorPatience,
    homes: values.colorHomes,
    moveMs: values.colorMoveTime,
    parameters: {
      ...POLICY_OPTIONS,
      seed: values.colorSeed,
      choices: values.colorChoices,
      virtualNodes: values.colorVirtualNodes,
      loadFactor: values.colorLoadFactor,
      loadFloor: values.colorLoadFloor,
      maxColors: values.colorMaxColors,
      rebalanceAbove: values.colorRebalanceAbove,
      rebalanceTo: values.colorRebalanceTo,
      maxBucketMoves: values.colorMaxBucketMoves,
    },
    goneAfterMs: values.colorGoneAfter,
  };
}
