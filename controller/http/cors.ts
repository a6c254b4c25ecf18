import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

/** The request headers that OpenWhisk allows to browsers. */
const CORS_ALLOW_HEADERS = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent';

const OBJECT_HEADERS = `${CORS_ALLOW_HEADERS}, If-Match, If-None-Match, X-OpenWhisk-Color-Policy, X-Palette-Persistence, X-Palette-TTL`;

/** The methods of the REST API. Web actions and the controller's own pages have other methods. */
const API_METHODS = 'GET, DELETE, POST, PUT, HEAD';
export const SERVICE_METHODS = 'OPTIONS, GET, POST';

export function setCors(res: ServerResponse, methods: string = API_METHODS): void {
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Access-Control-Allow-Methods', methods);
  res.setHeader('Access-Control-Allow-Headers', CORS_ALLOW_HEADERS);
}

/** The routes of objects have request and response headers of their own. */
export function setObjectCors(res: ServerResponse): void {
  res.setHeader('Access-Control-Allow-Headers', OBJECT_HEADERS);
  res.setHeader('Access-Control-Expose-Headers', 'ETag, Retry-After, X-Palette-Persistence, X-Request-ID');
}

export const isObjectPath = (path: string): boolean => /^\/api\/v1\/namespaces\/[^/]+\/objects(\/|$)/.test(path);

export const apiCors: RequestHandler = (_req, res, next) => {
  setCors(res);
  next();
};
