/* The other processes of `thread.ts`: a container that responds at once, and a caller that moves objects of 64 MB. */
import { createServer } from 'node:http';
import { connect } from '../../../shared/objects/client/index.js';

const [what, first = '', token = ''] = process.argv.slice(2);
if (what === 'container') {
  createServer((_, response) => response.end('{}')).listen(first, () => process.send?.('ready'));
} else {
  const objects = connect(first, token);
  const large = Buffer.alloc(64 * 1024 * 1024, 'x');
  await objects.put('c', 'large', large);
  process.send?.('ready');
  for (;;) {
    await objects.put('c', 'large', large);
    await objects.get('c', 'large');
  }
}
