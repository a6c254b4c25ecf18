import type { ServerResponse } from 'node:http';
import type { ApiRequest } from './ApiRequest.js';
import { ACTIVATION_ID_HEADER } from './respond.js';

/** A request whose response has ended. It has no query and no header, since they may contain secrets. */
export interface RequestReport {
  readonly method: string;
  /** The path without the query. */
  readonly path: string;
  /** The status code; undefined if the connection closed before the response was complete. */
  readonly status: number | undefined;
  /** From the arrival of the request to the end of the response. */
  readonly ms: number;
  readonly activationId: string | undefined;
  /** The id of the transaction. */
  readonly transid: string;
}

/** Reports each request at the end of its response. `report` must be quick and must not throw. */
export function requestReports(
  report: (request: RequestReport) => void,
): (req: ApiRequest, res: ServerResponse) => void {
  return (req, res) => {
    const begun = performance.now();
    // A router changes both.
    const { url = '', method = '' } = req;
    res.once('close', () => {
      const activationId = res.getHeader(ACTIVATION_ID_HEADER);
      const queryAt = url.indexOf('?');
      report({
        method,
        path: queryAt < 0 ? url : url.slice(0, queryAt),
        status: res.writableFinished ? res.statusCode : undefined,
        ms: performance.now() - begun,
        activationId: typeof activationId === 'string' ? activationId : undefined,
        transid: req.transid.id,
      });
    });
  };
}
