import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

/** The headers that OpenWhisk's API allows a browser to send. */
export const CORS_ALLOW_HEADERS = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent';

/** Adds the CORS headers of the REST API. Web actions have their own. */
export function setApiCors(res: ServerResponse): void {
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Access-Control-Allow-Methods', 'GET, DELETE, POST, PUT, HEAD');
  res.setHeader('Access-Control-Allow-Headers', CORS_ALLOW_HEADERS);
}

export const apiCors: RequestHandler = (_req, res, next) => {
  setApiCors(res);
  next();
};
