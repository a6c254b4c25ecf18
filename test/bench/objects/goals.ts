/** Goals of the operations at the home of a color. */
export const MAX_GET_P50_MS = 0.3;
export const MIN_MB_PER_S = 500;
export const MAX_WAKE_P50_MS = 2;
export const MIN_INCREMENTS_PER_S = 20_000;
