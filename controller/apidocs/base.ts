/** The path prefix of this version of the API. */
export const BASE = '/api/v1';
