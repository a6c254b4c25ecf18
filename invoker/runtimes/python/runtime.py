"""The Python runtime of actions: an HTTP server for `POST /init` and `POST /run`, as OpenWhisk's invokers call them.

It needs Python 3.8 or later and only the standard library. It runs alone in a container or as a child process.

With the argument `--end-with-parent` it ends when descriptor 3 closes, whose other end the parent holds.

Environment: `PORT` (a number, or the path of a Unix socket; 8080).

    ready --init--> starting --ok--> ready (with a function) --run--> running --> ready
                       \\--fails--> stopped                               \\--exits--> stopped

The state `stopped` is final: the invoker removes the container. Requests are handled one after the other on the main
thread, because actions may install signal handlers and event loops, which only the main thread can do.
"""

import _socket
import os
import sys


def listen():
    port = os.environ.get("PORT", "8080")
    if port.isdigit():
        server = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        server.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", int(port)))
    else:
        server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        server.bind(port)
    server.listen(128)
    server.setblocking(False)
    return server


# Listen before the slower imports, so that the invoker's first attempt to connect succeeds.
if __name__ == "__main__":
    SERVER = listen()

import json  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import traceback  # noqa: E402
from _operator import _compare_digest as same_digest  # noqa: E402

MAX_BODY_BYTES = 48 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
TOKEN_HEADER = b"x-invoker-token"
# OpenWhisk's texts. Clients see them as the error of an activation.
NO_BINARY = "The action failed to generate or locate a binary. See logs for details."
NOT_STARTED = "Cannot start action. Check logs for details."
NO_DICTIONARY = "The action did not return a dictionary or array."
END_WITH_PARENT = "--end-with-parent" in sys.argv
PARENT = 3
BAD_REQUEST = (500, {"error": "Bad request."})


def failure(status, error):
    return status, {"error": error}


class InitFault(Exception):
    """A fault of an action's code. `log` is for the action's stderr, `error` for the activation's result."""

    def __init__(self, log, error):
        super().__init__(log)
        self.log = log
        self.error = error


def users_trace(error, folder):
    """The text of an exception without the runtime's own frames. Frames of the user's code start it."""
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(folder):
        trace = trace.tb_next
    # An error before the user's first line (a syntax error) keeps no frame: its text names file and line.
    return "".join(traceback.format_exception(type(error), error, trace))


def activate_virtualenv(folder):
    """Makes the packages of a folder `virtualenv` importable, if the archive contains one."""
    environment = os.path.join(folder, "virtualenv")
    if not os.path.isdir(environment):
        return
    for script in ("bin", "Scripts"):
        path = os.path.join(environment, script, "activate_this.py")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                exec(compile(file.read(), path, "exec"), {"__file__": path, "__name__": "activate_this"})
            return
    # `python -m venv` does not write activate_this.py.
    libraries = os.path.join(environment, "lib")
    versions = sorted(os.listdir(libraries)) if os.path.isdir(libraries) else []
    own = "python%d.%d" % sys.version_info[:2]
    packages = [os.path.join(libraries, name, "site-packages") for name in versions if name.startswith("python")]
    packages = [path for path in packages if os.path.isdir(path)]
    if not packages:
        raise InitFault(
            "Invalid virtualenv. Zip file does not include 'activate_this.py'.\n"
            "Create the folder with `virtualenv virtualenv` or `python3 -m venv virtualenv`, and zip it with its contents.",
            NO_BINARY,
        )
    import site

    for path in packages:
        if own not in path:
            sys.stderr.write("The virtualenv belongs to another version of Python: this is %s.\n" % own)
        before = list(sys.path)
        site.addsitedir(path)
        # As activate_this.py does: the environment's packages come before those of this machine.
        sys.path[:] = [entry for entry in sys.path if entry not in before] + before


def unpack(archive, folder):
    """Unpacks a zip. Keeps permissions and symbolic links. Raises InitFault for an archive that it cannot unpack."""
    import io
    import zipfile

    try:
        links = []
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for entry in opened.infolist():
                path = os.path.normpath(os.path.join(folder, entry.filename))
                if path != folder and not path.startswith(folder + os.sep):
                    raise InitFault("'%s' is outside of the archive." % entry.filename, NO_BINARY)
                mode = entry.external_attr >> 16
                if mode & 0o170000 == 0o120000:
                    links.append((opened.read(entry).decode(), path))
                elif entry.is_dir():
                    os.makedirs(path, exist_ok=True)
                else:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with opened.open(entry) as source, open(path, "wb") as target:
                        while True:
                            chunk = source.read(1 << 20)
                            if not chunk:
                                break
                            target.write(chunk)
                    if mode & 0o111:
                        os.chmod(path, mode & 0o777 | 0o600)
        # Create links last, so that no file can be written through a link to a path outside.
        for target, path in links:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
    except InitFault:
        raise
    except Exception as error:
        raise InitFault("The zip cannot be unpacked: %s" % error, NO_BINARY) from None


def load(code, main, binary):
    """Writes the action's source to a folder of its own, runs it as a module and returns its function.

    Raises InitFault, or the error of the user's code.
    """
    folder = os.path.join(os.getcwd(), "action")
    os.makedirs(folder, exist_ok=True)
    source = os.path.join(folder, "__main__.py")
    if binary:
        import binascii

        try:
            archive = binascii.a2b_base64(code)
        except ValueError as error:
            raise InitFault("The code is not base64: %s" % error, NO_BINARY) from None
        unpack(archive, folder)
        if not os.path.isfile(source):
            raise InitFault("Zip file does not include __main__.py at its root.", NO_BINARY)
    else:
        with open(source, "w", encoding="utf-8", newline="") as file:
            file.write(code.lstrip("\ufeff"))
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = [source]
    activate_virtualenv(folder)

    with open(source, "rb") as file:
        text = file.read()
    try:
        compiled = compile(text, source, "exec")
    except (SyntaxError, ValueError) as error:
        raise InitFault(users_trace(error, folder), NO_BINARY) from None
    # The module has OpenWhisk's name. It is registered, since dataclasses and pickle look it up.
    module = type(sys)("main__")
    module.__file__ = source
    sys.modules["main__"] = module
    try:
        exec(compiled, module.__dict__)
    except SystemExit:
        raise InitFault("Command exited abruptly during initialization.", NOT_STARTED) from None
    except BaseException as error:
        hint = ""
        if isinstance(error, ImportError) and os.path.isfile(os.path.join(folder, "requirements.txt")):
            hint = "requirements.txt is not installed here: bring the packages in a folder `virtualenv` of the zip.\n"
        raise InitFault(users_trace(error, folder) + hint, NOT_STARTED) from None
    function = module
    for name in main.split("."):
        function = getattr(function, name, None)
    if not callable(function):
        raise InitFault("The code does not define a function `%s`." % main, NOT_STARTED)
    return function


def make_service(write_ends):
    """The action protocol without HTTP: functions `init(body)` and `run(body)`, which return a status and a body.

    `write_ends()` writes the sentinel to both log streams.
    """
    state = "ready"
    function = None
    loop = None
    folder = ""

    def refuse(message):
        sys.stderr.write("Internal system error: %s\n" % message)
        return failure(403, message)

    def init(body):
        nonlocal state, function, folder
        if function is not None:
            return refuse("Cannot initialize the action more than once.")
        if state != "ready":
            return refuse("System not ready, status is %s." % state)
        value = body.get("value")
        value = value if isinstance(value, dict) else {}
        code, main = value.get("code"), value.get("main")
        if not isinstance(code, str) or not isinstance(main, str) or code == "" or main == "":
            return failure(403, "Missing main/no code to execute.")
        state = "starting"
        variables = value.get("env")
        if isinstance(variables, dict):
            for name, variable in variables.items():
                os.environ[name] = variable if isinstance(variable, str) else json.dumps(variable)
        try:
            function = load(code, main, bool(value.get("binary")))
        except BaseException as error:
            state = "stopped"
            known = isinstance(error, InitFault)
            log = error.log if known else "".join(traceback.format_exception(type(error), error, None))
            sys.stderr.write(log if log.endswith("\n") else log + "\n")
            write_ends()
            return failure(502, error.error if known else NOT_STARTED)
        folder = os.getcwd()
        state = "ready"
        return 200, {"OK": True}

    def run(body):
        nonlocal state
        if function is None:
            return refuse("System not initialized.")
        if state != "ready":
            return refuse("System not ready, status is %s." % state)
        args = body.get("value")
        args = {} if args is None else args
        if not isinstance(args, (dict, list)):
            return refuse("Internal system error: the argument must be a dictionary but has type '%s'." % type(args).__name__)
        for name, variable in body.items():
            if name != "value" and isinstance(variable, str):
                os.environ["__OW_" + name.upper()] = variable
        state = "running"
        try:
            result = finished(function(args))
        except SystemExit:
            # OpenWhisk's text, where the action's process has ended.
            state = "stopped"
            write_ends()
            return failure(400, "command exited")
        except BaseException as error:
            sys.stderr.write(users_trace(error, folder))
            result = {"error": str(error)}
        text = to_json(result)
        write_ends()
        state = "ready"
        return failure(502, NO_DICTIONARY) if text is None else (200, text)

    def finished(result):
        """The result, also that of an `async def main`."""
        nonlocal loop
        if not hasattr(result, "__await__"):
            return result
        import asyncio

        async def wait():
            return await result

        if loop is None:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
        return loop.run_until_complete(wait())

    return init, run


def to_json(result):
    """The JSON of an object or an array as bytes; None for other results, with the reason in the logs."""
    if not isinstance(result, (dict, list, tuple)):
        hint = " Does the function lack a return statement?" if result is None else ""
        sys.stderr.write("The result must be a dict or a list, but is a %s.%s\n" % (type(result).__name__, hint))
        return None
    try:
        try:
            return json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:
            return json.dumps(result, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        sys.stderr.write("The result cannot be written as JSON: %s\n" % error)
        return None


def parse_head(head):
    """The method, the path and the lower-case headers of a request; None if they are malformed."""
    lines = head.split(b"\r\n")
    start = lines[0].split(b" ")
    if len(start) != 3:
        return None
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            return None
        headers[name.strip().lower()] = value.strip()
    return start[0], start[1], headers


class Connection:
    """A client's connection. Collects the bytes of one request at a time without blocking."""

    def __init__(self, socket):
        self.socket = socket
        self.received = bytearray()
        self.head = None
        self.length = 0
        # The bytes of a body over the limit that are still to be read and dropped, so that the client reads the answer.
        self.excess = 0

    def read(self):
        """Reads what has arrived. Returns a complete request, None if more is to come, or False at the end."""
        try:
            # A large body arrives in few steps.
            chunk = self.socket.recv(min(max(self.length - len(self.received), 1 << 16), 1 << 20))
        except BlockingIOError:
            return None
        except OSError:
            return False
        if not chunk:
            return False
        self.received += chunk
        return self.request()

    def request(self):
        """The next complete request (method, path, headers, body) of the received bytes; None or False as in `read`."""
        if self.head is None:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return None if len(self.received) <= MAX_HEAD_BYTES else False
            head = parse_head(bytes(self.received[:end]))
            del self.received[: end + 4]
            if head is None or b"transfer-encoding" in head[2]:
                return False
            length = head[2].get(b"content-length", b"0")
            if not length.isdigit():
                return False
            self.head, self.length = head, int(length)
            if self.length > MAX_BODY_BYTES:
                self.head, self.length, self.excess = (b"", b"", head[2]), 0, self.length
        if self.excess > 0:
            dropped = min(self.excess, len(self.received))
            del self.received[:dropped]
            self.excess -= dropped
        if self.excess > 0 or len(self.received) < self.length:
            return None
        head, body = self.head, bytes(self.received[: self.length])
        del self.received[: self.length]
        self.head, self.length = None, 0
        return head + (body,)


def serve(server):
    # Keep references to the descriptors: an action may replace sys.stdout.
    stdout, stderr = sys.stdout, sys.stderr
    # The invoker's token, from the first `/init` with a token. It signs the sentinels and authenticates later requests.
    token = None

    def write_ends():
        for stream in (sys.stdout, sys.stderr, stdout, stderr):
            try:
                stream.flush()
            except Exception:
                pass
        line = (SENTINEL if token is None else "%s %s" % (SENTINEL, token.decode("latin-1"))).encode("latin-1") + b"\n"
        for descriptor in (1, 2):
            rest = line
            while rest:
                rest = rest[os.write(descriptor, rest) :]

    init, run = make_service(write_ends)

    def answer(method, path, headers, body):
        nonlocal token
        sent = headers.get(TOKEN_HEADER, b"")
        if token is not None and not same_digest(sent, token):
            return failure(403, "Only the invoker may call this container.") + (False,)
        try:
            value = json.loads(body) if body else {}
        except ValueError:
            return BAD_REQUEST + (False,)
        if method != b"POST" or not isinstance(value, dict) or path not in (b"/init", b"/run"):
            return BAD_REQUEST + (False,)
        if path == b"/run":
            return run(value) + (False,)
        if token is None and sent:
            token = sent
        return init(value) + (token is not None,)

    def reply(socket, status, body, accepted):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = "HTTP/1.1 %d \r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" % (
            status,
            len(data),
            "X-Invoker-Token: accepted\r\n" if accepted else "",
        )
        socket.setblocking(True)
        try:
            socket.sendall(head.encode() + data)
        finally:
            socket.setblocking(False)

    poll = select.poll()
    poll.register(server.fileno(), select.POLLIN)
    if END_WITH_PARENT:
        poll.register(PARENT, select.POLLIN)
    connections = {}

    def drop(descriptor):
        poll.unregister(descriptor)
        connections.pop(descriptor).socket.close()

    while True:
        for descriptor, _ in poll.poll():
            if descriptor == PARENT and END_WITH_PARENT:
                os._exit(0)
            if descriptor == server.fileno():
                try:
                    accepted = _socket.socket(fileno=server._accept()[0])
                except OSError:
                    continue
                accepted.setblocking(False)
                connections[accepted.fileno()] = Connection(accepted)
                poll.register(accepted.fileno(), select.POLLIN)
                continue
            connection = connections[descriptor]
            request = connection.read()
            try:
                while request:
                    reply(connection.socket, *answer(*request))
                    request = connection.request() if connection.received else None
            except OSError:
                # The client has gone away.
                request = False
            if request is False:
                drop(descriptor)


def main():
    # Process 1 of a container has no default handlers for signals.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    # Actions see the standard library and the packages that we provide, and not the folder of this file. `exit()` exists
    # as in a script.
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != own] + [os.path.join(own, "packages")]
    import site

    site.setquit()
    if END_WITH_PARENT:
        os.set_inheritable(PARENT, False)
    serve(SERVER)


if __name__ == "__main__":
    main()
