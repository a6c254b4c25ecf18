import type { PolicyOptions } from '../../shared/colors/ColorPolicy.js';
import type { ColorConfig } from '../../shared/config/colorSettings.js';
import type { PolicyInUse } from './PoliciesInUse.js';

/** The operator's view of colors. */
export interface PaletteView {
  readonly policy: string;
  readonly patienceMs: number;
  readonly patienceLimitMs: number;
  readonly homes: number;
  readonly parameters: PolicyOptions;
  readonly inUse: readonly {
    readonly pool: string;
    readonly policy: string;
    readonly assignments: number;
    readonly hits: number;
    readonly waits: number;
    readonly spills: number;
    readonly strays: number;
    readonly moves: number;
    readonly invokers: readonly {
      readonly invoker: number;
      readonly up: boolean;
      readonly colors: number;
      readonly buckets?: number | undefined;
      readonly placedLately: number;
    }[];
  }[];
}

/** The policies in use, and the colors of each invoker. */
export function paletteView(options: ColorConfig, inUse: Iterable<PolicyInUse>): PaletteView {
  return {
    policy: options.policy,
    patienceMs: options.patienceMs,
    patienceLimitMs: options.patienceLimitMs,
    homes: options.homes,
    parameters: options.parameters,
    inUse: Array.from(inUse, ({ pool, policy, counts, healthy }) => ({
      pool,
      policy: policy.name,
      assignments: counts.assignments,
      hits: counts.hits,
      waits: counts.waits,
      spills: counts.spills,
      strays: counts.strays,
      moves: policy.moves,
      invokers: policy.census().map((row) => ({
        ...row,
        up: healthy.has(row.invoker),
        placedLately: Math.round(counts.placed.get(row.invoker) ?? 0),
      })),
    })),
  };
}
