const MB = 1024 * 1024;

/** The longest color and key, in bytes of their decoded UTF-8. */
export const MAX_COLOR_BYTES = 256;
export const MAX_KEY_BYTES = 1024;
/** The largest object, in bytes. */
export const MAX_OBJECT_BYTES = 64 * MB;
/** The longest content type, in characters. */
export const MAX_TYPE_LENGTH = 256;
/** The longest wait of `?wait=`, in ms. */
export const MAX_WAIT_MS = 300_000;
/** The longest TTL, in ms: a year. */
export const MAX_TTL_MS = 365 * 24 * 3_600_000;
/** The most keys of one list, and the default. */
export const MAX_LIST = 1000;

/** The time for the bytes of an object, in addition to the limit for a small one, in ms: a slow store takes 4 MB in a second. */
export const transferMs = (bytes: number): number => bytes / 4096;
