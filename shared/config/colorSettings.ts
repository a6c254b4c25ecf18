import { POLICY_OPTIONS, type PolicyMaker, type PolicyOptions } from '../colors/ColorPolicy.js';
import { ConfigurationError, standard, type SettingValues } from './Setting.js';
import { above, colorPolicy, duration, integer } from './values.js';

const { seed, choices, virtualNodes, loadFactor, loadFloor, maxColors, rebalanceAbove, rebalanceTo, maxBucketMoves } =
  POLICY_OPTIONS;

/** The settings of colors. They must be the same for all controllers of an installation. */
export const COLOR_SETTINGS = {
  colorPolicy: standard(
    'COLOR_POLICY',
    colorPolicy,
    'consistent-hashing',
    'The policy that maps colors to invokers: the name of a built-in policy, or the path of a JavaScript file that exports a policy.',
  ),
  colorPatience: standard(
    'COLOR_PATIENCE',
    duration,
    '100 ms',
    'A colored invocation waits for its home if the expected wait is at most this time and at most two runs of its action. 0: it never waits. For an action whose misses cost more, see `COLOR_PATIENCE_LIMIT`.',
  ),
  colorPatienceLimit: standard(
    'COLOR_PATIENCE_LIMIT',
    duration,
    '1 second',
    'If a miss is known to cost an action more, its invocations wait for up to twice that cost instead, but for this time at most.',
  ),
  colorHomes: standard(
    'COLOR_HOMES',
    integer(1, 64),
    '3',
    'The number of invokers, its home included, where a colored invocation may wait.',
  ),
  colorMoveTime: standard(
    'COLOR_MOVE_TIME',
    duration,
    '10 seconds',
    'An invoker that joins or returns gets its colors step by step over this time. An invoker that is disabled loses them over this time. 0: at once.',
  ),
  colorChoices: standard(
    'COLOR_CHOICES',
    integer(1, 64),
    String(choices),
    'The number of invokers, its home included, that a colored invocation tries. If none of them has room, it is placed like an uncolored invocation.',
  ),
  colorSeed: standard(
    'COLOR_SEED',
    integer(0, 0xffffffff),
    String(seed),
    'The seed of the hash of colors. If you change it, nearly every color gets another home.',
  ),
  colorVirtualNodes: standard(
    'COLOR_VIRTUAL_NODES',
    integer(1, 4096),
    String(virtualNodes),
    '`consistent-hashing`, `bounded-load`: the number of points that an invoker has on the ring.',
  ),
  colorLoadFactor: standard(
    'COLOR_LOAD_FACTOR',
    above(1),
    String(loadFactor),
    '`bounded-load`: the most concurrent invocations of an invoker, as a multiple of the mean. Three times the square root of the mean is added. An invoker at this bound is skipped.',
  ),
  colorLoadFloor: standard(
    'COLOR_LOAD_FLOOR',
    integer(1, 1_000_000),
    String(loadFloor),
    '`bounded-load`: an invoker below this number of concurrent invocations is never skipped.',
  ),
  colorMaxColors: standard(
    'COLOR_MAX_COLORS',
    integer(1, 100_000_000),
    String(maxColors),
    '`least-assigned`: the number of colors that a controller remembers. Past it, the controller forgets the least recently used color.',
  ),
  colorRebalanceAbove: standard(
    'COLOR_REBALANCE_ABOVE',
    above(1),
    String(rebalanceAbove),
    '`bucket-hashing`: buckets start to move when the load of the busiest invoker is over this multiple of the mean, and chance does not explain it.',
  ),
  colorRebalanceTo: standard(
    'COLOR_REBALANCE_TO',
    above(1),
    String(rebalanceTo),
    '`bucket-hashing`: buckets stop moving when the load of the busiest invoker is at this multiple of the mean.',
  ),
  colorMaxBucketMoves: standard(
    'COLOR_MAX_BUCKET_MOVES',
    integer(0, 16_384),
    String(maxBucketMoves),
    '`bucket-hashing`: the most buckets, of 16,384, that move every ten seconds.',
  ),
  colorGoneAfter: standard(
    'COLOR_GONE_AFTER',
    duration,
    '10 minutes',
    'When an invoker has been down for this time, its colors get new homes. Until then their invocations go to their next choices.',
  ),
};

export interface ColorConfig {
  /** The default policy. A namespace or an action may name another one. */
  readonly policy: string;
  readonly parameters: PolicyOptions;
  /** The longest expected wait of a colored invocation at its home, in ms: see `worthwhile`. */
  readonly patienceMs: number;
  /** The bound on a patience for what a miss costs, in ms. */
  readonly patienceLimitMs: number;
  /** The number of invokers, including its home, where a colored invocation may wait. */
  readonly homes: number;
  /** The time over which an invoker that joins or returns gets its colors, and one that drains loses them, in ms. */
  readonly moveMs: number;
  /** Whether other controllers may share tables; missing: yes. */
  readonly shared?: boolean | undefined;
  /** Additional policies by name. */
  readonly custom?: Readonly<Record<string, PolicyMaker>> | undefined;
  /** The time after which the colors of an invoker that is down get new homes, in ms. */
  readonly goneAfterMs: number;
}

/** @throws ConfigurationError if settings contradict each other. */
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
    patienceLimitMs: values.colorPatienceLimit,
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
