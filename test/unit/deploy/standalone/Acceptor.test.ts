import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Acceptor } from '../../../../deploy/standalone/Acceptor.js';

describe('the acceptor of connections', () => {
  let acceptor: Acceptor;
  let port: number;
  const clients: Socket[] = [];
  const taken: Socket[] = [];

  beforeEach(async () => {
    acceptor = new Acceptor();
    ({ port } = await acceptor.listen(0, '127.0.0.1'));
  });
  afterEach(() => {
    for (const socket of [...clients.splice(0), ...taken.splice(0)]) socket.destroy();
    acceptor.close();
  });

  const client = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    clients.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const handed = async (count: number): Promise<void> => {
    while (taken.length < count) await new Promise((resolve) => setImmediate(resolve));
  };

  const takerOf =
    (turns: string[]) =>
    (name: string, answers = true) => ({
      answers,
      take(socket: Socket) {
        turns.push(name);
        taken.push(socket);
      },
    });

  it('gives the turns of a taker that does not answer to another one, and to itself if none answers', async () => {
    const turns: string[] = [];
    const taker = takerOf(turns);
    acceptor.handTo([taker('a', false), taker('b')]);
    for (let count = 1; count <= 3; count++) {
      await client();
      await handed(count);
    }
    assert.deepEqual(turns, ['b', 'b', 'b']);
    acceptor.handTo([taker('c', false)]);
    await client();
    await handed(4);
    assert.equal(turns[3], 'c');
  });

  it('hands connections out in turns, those that came early too, and reads nothing from them', async () => {
    const turns: string[] = [];
    const early = await client();
    early.write('early bytes');
    const taker = takerOf(turns);
    // The connection has arrived when a later one has.
    await client();
    acceptor.handTo([taker('a'), taker('b')]);
    await client();
    await handed(3);
    assert.deepEqual(turns, ['a', 'b', 'a']);
    const [first] = taken;
    assert.ok(first);
    first.resume();
    const [bytes] = (await once(first, 'data')) as [Buffer];
    assert.equal(bytes.toString(), 'early bytes');
  });

  it('closes a connection that waits too long for a server that is starting', async () => {
    const early = new Acceptor(undefined, 20);
    ({ port } = await early.listen(0, '127.0.0.1'));
    const waiting = connect(port, '127.0.0.1').resume();
    clients.push(waiting);
    await once(waiting, 'close');
    early.close();
  });

  it('closes the connections that wait when it closes', async () => {
    const waiting = await client();
    waiting.resume();
    const closed = once(waiting, 'close');
    acceptor.close();
    await closed;
  });

  it('says that its address is in use', async () => {
    await assert.rejects(new Acceptor().listen(port, '127.0.0.1'), { code: 'EADDRINUSE' });
  });
});
