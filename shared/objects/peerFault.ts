/**
 * Why a process got no response from an object memory. `dead`: nothing listens at its address, so that its memory is gone.
 * `unsent`: it cannot be reached. `silent`: it may have got the request.
 */
export type PeerFault = 'dead' | 'unsent' | 'silent';

/** The fault behind an error of `undici` or of a socket. */
export function peerFaultOf(error: unknown): PeerFault {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'dead';
  return typeof code === 'string' && UNSENT.has(code) ? 'unsent' : 'silent';
}

const UNSENT = new Set(['UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);
