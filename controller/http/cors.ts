import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

/** The headers that OpenWhisk allows a browser to send. */
const CORS_ALLOW_HEADERS = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent';

/** The methods that the REST API allows. Web actions and the controller's own pages have others. */
const API_METHODS = 'GET, DELETE, POST, PUT, HEAD';
export const SERVICE_METHODS = 'OPTIONS, GET, POST';

export function setCors(res: ServerResponse, methods: string = API_METHODS): void {
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Access-Control-Allow-Methods', methods);
  res.setHeader('Access-Control-Allow-Headers', CORS_ALLOW_HEADERS);
}

export const apiCors: RequestHandler = (_req, res, next) => {
  setCors(res);
  next();
};
