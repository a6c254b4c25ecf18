import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';

const AUTHORIZATION = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;

/** Sends requests for objects of the user `guest` to the controllers of a cluster. */
export class ClusterObjects {
  readonly #controllers: readonly string[];

  /** @param controllers their URLs. */
  constructor(controllers: readonly string[]) {
    this.#controllers = controllers;
  }

  /**
   * @param controller its number.
   * @param path from the color on: `/{color}/{key}`.
   */
  call(
    controller: number,
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return fetch(`${this.#controllers[controller]}/api/v1/namespaces/_/objects${path}`, {
      method,
      headers: { authorization: AUTHORIZATION, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** The status and the body of an object, such as `200 text`. */
  async text(controller: number, path: string): Promise<string> {
    const response = await this.call(controller, 'GET', path);
    return `${response.status} ${await response.text()}`;
  }
}
