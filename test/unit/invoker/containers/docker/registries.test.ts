import assert from 'node:assert/strict';
import { credentialsFor, inRegistry, NO_REGISTRIES } from '../../../../../invoker/containers/docker/registries.js';

const registries = {
  runtimes: { url: 'registry.example.com:5000/mirror/', credentials: { user: 'r', password: 'secret' } },
  users: { url: 'images.example.com', credentials: { user: 'u', password: 'other' } },
};
const image = (reference: string, pull: boolean) => ({ kind: 'k', reference, pull });
const reference = (text: string, pull: boolean): string => inRegistry(image(text, pull), registries, 'local').reference;

describe('the registries of images', () => {
  it("are put before the names of the manifest's images and of users' own", () => {
    assert.equal(reference('openwhisk/python:3', false), 'registry.example.com:5000/mirror/openwhisk/python:3');
    assert.equal(reference('me/mine', true), 'images.example.com/me/mine');
  });

  it('leave images alone that name a registry, and those that are built locally', () => {
    assert.equal(reference('other.example.com/me/mine:1', true), 'other.example.com/me/mine:1');
    assert.equal(reference('local/action', false), 'local/action');
    assert.deepEqual(inRegistry(image('me/mine', true), NO_REGISTRIES, 'local'), image('me/mine', true));
  });

  it('get their own credentials only', () => {
    assert.deepEqual(credentialsFor('registry.example.com:5000/mirror/openwhisk/python:3', registries), {
      username: 'r',
      password: 'secret',
      serveraddress: 'registry.example.com:5000',
    });
    assert.equal(credentialsFor('images.example.com/me/mine', registries)?.username, 'u');
    assert.equal(credentialsFor('images.example.com.evil.org/me/mine', registries), undefined);
    assert.equal(credentialsFor('me/mine', NO_REGISTRIES), undefined);
  });
});
