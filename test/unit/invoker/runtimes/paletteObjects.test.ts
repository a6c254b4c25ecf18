import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ObjectService } from '../../../../invoker/objects/ObjectService.js';
import { pythonPackages } from '../../../../invoker/runtimes/python/hostPython.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';

/** Each line that this prints is a fault. */
const PROGRAM = `
import socket, sys, threading, time
sys.path.append(sys.argv[1])
import palette_objects as objects

def same(found, expected):
    if found != expected:
        print("expected %r, found %r" % (expected, found))

def status(call, *args, **options):
    try:
        call(*args, **options)
        return None
    except objects.ObjectsError as error:
        return error.status

for value in ["text \\u00fc", {"a": [1, None]}, [], 42, None, "", b"\\x00\\xff", b"x" * 3000000]:
    objects.put("c/d", "k \\u00fc", value)
    same(objects.get("c/d", "k \\u00fc"), value)
same(objects.get("c", "missing"), None)

etag = objects.put("c", "k", 1, if_absent=True, persistence="memory", ttl=100)
same(status(objects.put, "c", "k", 2, if_absent=True), 412)
objects.put("c", "k", 2, if_match=etag)
same(status(objects.put, "c", "k", 3, if_match=etag), 412)
same(objects.read("c", "k").value, 2)
same(objects.increment("c", "n", 5), 5)
same(objects.increment("c", "n", -0.5), 4.5)
same(objects.append("c", "log", "one"), 3)
same(objects.append("c", "log", b"two"), 6)
same([each["key"] for each in objects.list("c")], ["k", "log", "n"])
same(objects.delete("c", "k"), True)
same(objects.delete("c", "k"), False)

woken = []
waiter = threading.Thread(target=lambda: woken.append(objects.wait("c", "later").value))
waiter.start()
objects.put("c", "later", "now")
waiter.join()
same(woken, ["now"])
same(objects.wait("c", "never", seconds=0.01), None)

loads = []
def load():
    loads.append(1)
    return "loaded"
threads = [threading.Thread(target=lambda: woken.append(objects.get("c", "one", load=load))) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
same((loads, woken[1:]), ([1], ["loaded"] * 8))

# On a busy machine, the lock is renewed late.
with objects.lock("c", "lock", ttl=2) as lock:
    same(objects.lock("c", "lock", wait=2.5), None)
    same(lock.lost, False)
dropped = objects.lock("c", "lock", ttl=0.05, renew=False)
next = objects.lock("c", "lock")
same((dropped.renew(), dropped.lost, next is None), (False, True, False))
dropped.release()
next.release()
late = objects.lock("c", "late", ttl=0.05, renew=False)
time.sleep(0.06)
same((late.lost, late.renew()), (True, False))
kept = objects.lock("c", "kept", ttl=1)
kept.release()
time.sleep(1.1)
same((kept.lost, kept.renew()), (False, False))

for color, key in [(None, "k"), ("c", True), ("\\ud800", "k")]:
    same(status(objects.get, color, key), 400)
for ttl in [0, -1]: same(status(objects.put, "c", "k", 1, ttl=ttl), 400)
same(status(objects.lock, "c", "none", ttl=0), 400)
same(status(objects.put, "c", "k", 1, type="text/plain\\r\\nX-Palette-TTL: 1"), 400)
objects.put(7, "k", "seven")
same(objects.get("7", "k"), "seven")
objects.put("c", "json", "not JSON", type="application/json")
same(status(objects.get, "c", "json"), 0)
objects.put("c", "utf8", b"a\\xff", type="text/plain")
same(objects.get("c", "utf8"), "a\\ufffd")
for wrong in [lambda: objects.append("c", "log", 5), lambda: objects.put("c", "nan", float("nan"))]:
    try:
        wrong()
        print("accepted")
    except (TypeError, ValueError):
        pass
same(objects.get("c", "k" * 1024, load=lambda: 1), 1)

# A connection that the server has closed, or that is old, is not used again.
for connection, since in objects._own()._idle: connection.sock.shutdown(socket.SHUT_RDWR)
same(objects.increment("c", "after"), 1)
own = objects._own()
own._idle[:] = [(connection, since - 301) for connection, since in own._idle]
old = [connection for connection, since in own._idle]
same(objects.increment("c", "after"), 2)
same([connection in old for connection, since in own._idle], [False])

same(status(objects.Objects(objects._own()._url, "x.y").get, "c", "k"), 401)
`;

describe('palette_objects', () => {
  it('does what the client of Node.js does', async function () {
    const base = mkdtempSync(join(tmpdir(), 'pw-'));
    const service = new ObjectService({
      invoker: 'invoker0',
      instance: 0,
      boundBytes: 64 * 1024 * 1024,
      folder: join(base, 'o'),
      tcpHost: undefined,
      log: silentLogger,
    });
    await service.start();
    try {
      const env = {
        ...process.env,
        __OW_OBJECTS_URL: service.socketUrl(service.folder),
        __OW_OBJECTS_TOKEN: service.token({ uuid: 'u', name: 'guest', limitBytes: undefined }),
      };
      const { stdout } = await promisify(execFile)('python3', ['-c', PROGRAM, pythonPackages()], { env });
      assert.equal(stdout, '');
    } finally {
      await service.stop(0);
      rmSync(base, { recursive: true });
    }
  });
});
