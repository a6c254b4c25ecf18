import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { ConnectionBytes } from '../../../../../invoker/objects/sharing/ConnectionBytes.js';

class Connection extends EventEmitter {
  bytesRead = 0;
  bytesWritten = 0;
}

describe('ConnectionBytes', () => {
  it('adds the bytes of all connections in both directions, while they are open and when they are closed', () => {
    const bytes = new ConnectionBytes();
    assert.equal(bytes.total, 0);
    const [one, two] = [new Connection(), new Connection()];
    bytes.add(one);
    bytes.add(two);
    one.bytesRead = 5;
    one.bytesWritten = 20;
    two.bytesRead = 100;
    assert.equal(bytes.total, 125);
    one.bytesRead = 7;
    one.emit('close');
    assert.equal(bytes.total, 127);
    two.bytesWritten = 1000;
    assert.equal(bytes.total, 1127);
    two.emit('close');
    two.emit('close');
    assert.equal(bytes.total, 1127);
  });
});
