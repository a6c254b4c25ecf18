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
    'The policy that maps colors to invokers: a built-in one, or the path of a JavaScript file that exports one.',
  ),
  colorPatience: standard(
    'COLOR_PATIENCE',
    duration,
    '100 ms',
    'The longest expected wait of a colored invocation at its home; 0: it does not wait.',
  ),
  colorHomes: standard(
    'COLOR_HOMES',
    integer(1, 64),
    '3',
    'The number of invokers, including its home, where a colored invocation may wait.',
  ),
  colorMoveTime: standard(
    'COLOR_MOVE_TIME',
    duration,
    '10 seconds',
    'The time over which an invoker that joins or returns gets its colors; 0: at once.',
  ),
  colorChoices: standard(
    'COLOR_CHOICES',
    integer(1, 64),
    String(choices),
    'The number of invokers, including its home, that a colored invocation tries before it is placed like an uncolored one.',
  ),
  colorSeed: standard(
    'COLOR_SEED',
    integer(0, 0xffffffff),
    String(seed),
    'The seed of the hash of colors. Another seed moves nearly every color to another home.',
  ),
  colorVirtualNodes: standard(
    'COLOR_VIRTUAL_NODES',
    integer(1, 4096),
    String(virtualNodes),
    "`consistent-hashing`, `bounded-load`: the number of an invoker's points on the ring.",
  ),
  colorLoadFactor: standard(
    'COLOR_LOAD_FACTOR',
    above(1),
    String(loadFactor),
    "`bounded-load`: the bound on an invoker's load, as a multiple of the mean.",
  ),
  colorLoadFloor: standard(
    'COLOR_LOAD_FLOOR',
    integer(1, 1_000_000),
    String(loadFloor),
    "`bounded-load`: the smallest bound on an invoker's concurrent invocations.",
  ),
  colorMaxColors: standard(
    'COLOR_MAX_COLORS',
    integer(1, 100_000_000),
    String(maxColors),
    '`least-assigned`: the number of colors to remember. The least recently used ones are forgotten.',
  ),
  colorRebalanceAbove: standard(
    'COLOR_REBALANCE_ABOVE',
    above(1),
    String(rebalanceAbove),
    '`bucket-hashing`: buckets start to move when the busiest invoker has more than this multiple of the mean load …',
  ),
  colorRebalanceTo: standard('COLOR_REBALANCE_TO', above(1), String(rebalanceTo), '… and stop at this.'),
  colorMaxBucketMoves: standard(
    'COLOR_MAX_BUCKET_MOVES',
    integer(0, 16_384),
    String(maxBucketMoves),
    '`bucket-hashing`: the most of the 16,384 buckets to move every ten seconds.',
  ),
  colorGoneAfter: standard(
    'COLOR_GONE_AFTER',
    duration,
    '10 minutes',
    'The time after which the colors of an invoker that is down get new homes. Until then they use other invokers.',
  ),
};

export interface ColorConfig {
  /** The default policy. A namespace or an action may name another one. */
  readonly policy: string;
  readonly parameters: PolicyOptions;
  /** The longest expected wait of a colored invocation at its home, in ms. */
  readonly patienceMs: number;
  /** The number of invokers, including its home, where a colored invocation may wait. */
  readonly homes: number;
  /** The time over which an invoker that joins or returns gets its colors, in ms. */
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
