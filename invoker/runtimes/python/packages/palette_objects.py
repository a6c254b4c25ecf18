"""The client of objects for Python actions: ``import palette_objects as objects``.

Objects are memory beside the functions: bytes, text or JSON at an address (color, key) in the namespace. This file needs
Python 3.8 or newer and nothing else. See docs/objects.md.
"""

import hashlib
import http.client
import json
import os
import re
import socket
import threading
import time
import urllib.parse
import uuid

# On a busy machine, the thread of an object memory needs seconds to start at its first request.
_DEFAULT_S = 30.0
# The longest time of a renewal of a lock: another attempt may follow before the lock ends.
_RENEWAL_S = 10.0
_LARGE_S = 60.0
_LARGE_BYTES = 1024 * 1024
# The longest wait of one request, in seconds.
_WAIT_STEP_S = 60.0
_LOAD_LEASE_S = 10.0
_LOAD_S = 300.0
_MAX_IDLE = 16
# An idle connection of this age is not used again: the server closes it after 10 minutes.
_MAX_IDLE_S = 300.0
_MAX_KEY_BYTES = 1024
_RECONNECT_S = 0.02
_HOLDER = "%s %d %s" % (os.environ.get("__OW_ACTION_NAME", "python"), os.getpid(), uuid.uuid4())


class ObjectsError(Exception):
    """Why an operation failed: ``status`` is the server's HTTP status, or 0 without a response."""

    def __init__(self, status, message, code=None, retry_after=None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Versioned:
    """An object with its tag, content type and persistence."""

    def __init__(self, value, etag, type, persistence):
        self.value = value
        self.etag = etag
        self.type = type
        self.persistence = persistence


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("objects", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Objects:
    """The objects of a namespace. Threads may share it."""

    def __init__(self, url, token):
        """``url`` is ``unix:PATH`` or ``http://HOST:PORT``, as in ``__OW_OBJECTS_URL``."""
        self._url = url
        self._token = token
        self._idle = []
        self._lock = threading.Lock()

    def get(self, color, key, load=None, ttl=None, persistence=None, policy=None, timeout=None):
        """The value of an object: bytes, text or JSON, by its content type; None if there is none.

        A missing value comes from ``load()`` and is put. Of all containers that ask at once, one calls ``load``.
        """
        found = self.read(color, key, policy=policy, timeout=timeout)
        if found is not None:
            return found.value
        if load is None:
            return None
        lease = self.lock(
            color, _lease_key(key), ttl=_LOAD_LEASE_S, wait=timeout or _LOAD_S, policy=policy
        )
        if lease is None:
            raise ObjectsError(0, "Another container did not load %s/%s in time." % (color, key))
        with lease:
            found = self.read(color, key, policy=policy, timeout=timeout)
            if found is not None:
                return found.value
            value = load()
            self.put(color, key, value, ttl=ttl, persistence=persistence, policy=policy, timeout=timeout)
            return value

    def read(self, color, key, policy=None, timeout=None):
        """The object as a ``Versioned``; None if there is none."""
        response = self._send("GET", _path(color, key), policy, timeout or _LARGE_S, allowed=(404,))
        return None if response.status == 404 else _versioned(response)

    def put(
        self, color, key, value, ttl=None, persistence=None, type=None, if_match=None, if_absent=False, policy=None,
        timeout=None,
    ):
        """Writes bytes, text, or a value as JSON. ``ttl`` in seconds. Returns the tag.

        With ``if_match`` or ``if_absent`` it raises an ``ObjectsError`` of status 412 unless that holds.
        """
        body, own_type = _encode(value)
        headers = _write_headers(ttl, persistence)
        headers["Content-Type"] = type or own_type
        if if_match is not None:
            headers["If-Match"] = if_match
        if if_absent:
            headers["If-None-Match"] = "*"
        response = self._send("PUT", _path(color, key), policy, timeout or _time_for(body), headers, body)
        return response.headers.get("ETag")

    def wait(self, color, key, seconds=60.0, since=None, policy=None):
        """Waits until the object exists, or with ``since`` (a tag) until it is another version.

        Returns it as a ``Versioned``; None if the wait is over, or if the object of ``since`` is gone.
        """
        headers = {} if since is None else {"If-None-Match": since}
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            response = self._wait_once(color, key, headers, left, policy)
            if response.status == 200:
                return _versioned(response)
            if (response.status == 404 and since is not None) or left <= _WAIT_STEP_S:
                return None

    def wait_until_gone(self, color, key, seconds=60.0, policy=None):
        """Waits until the object is gone. Returns whether it is."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            response = self._wait_once(color, key, {"If-None-Match": "*"}, left, policy)
            if response.status == 404:
                return True
            if left <= _WAIT_STEP_S:
                return False

    def increment(self, color, key, by=1, ttl=None, persistence=None, policy=None, timeout=None):
        """Adds to a number where it is; a missing one counts as 0. Returns the sum."""
        path = "%s?increment=%s" % (_path(color, key), urllib.parse.quote(str(by), safe=""))
        headers = _write_headers(ttl, persistence)
        return json.loads(self._send("POST", path, policy, timeout or _DEFAULT_S, headers, b"").body)

    def append(self, color, key, data, ttl=None, persistence=None, type=None, policy=None, timeout=None):
        """Appends bytes or text. Returns the length of the object in bytes."""
        # bytes(5) would be five zeros.
        if not isinstance(data, (str, bytes, bytearray, memoryview)):
            raise TypeError("append takes bytes or text, not %s" % data.__class__.__name__)
        body = data.encode() if isinstance(data, str) else bytes(data)
        headers = _write_headers(ttl, persistence)
        if type is not None:
            headers["Content-Type"] = type
        response = self._send("POST", _path(color, key) + "?append", policy, timeout or _time_for(body), headers, body)
        return json.loads(response.body)["bytes"]

    def list(self, color, prefix="", policy=None, timeout=None):
        """The objects of a color by prefix, as dictionaries with key, bytes, contentType, etag and persistence."""
        found = []
        while True:
            query = {"prefix": prefix}
            if found:
                query["after"] = found[-1]["key"]
            path = "/%s?%s" % (_quote("color", color), urllib.parse.urlencode(query, quote_via=urllib.parse.quote))
            page = json.loads(self._send("GET", path, policy, timeout or _DEFAULT_S).body)
            found.extend(page["objects"])
            if not page["more"] or not page["objects"]:
                return found

    def delete(self, color, key, if_match=None, policy=None, timeout=None):
        """Removes an object. Returns whether there was one."""
        headers = {} if if_match is None else {"If-Match": if_match}
        path = _path(color, key)
        return self._send("DELETE", path, policy, timeout or _DEFAULT_S, headers, allowed=(404,)).status != 404

    def lock(self, color, key, ttl=10.0, wait=60.0, renew=True, persistence=None, policy=None):
        """Takes a lock, an object with a TTL that a thread renews until ``release``.

        Returns the lock, which ``with`` releases; None if another holder keeps it for ``wait`` seconds.
        """
        deadline = time.monotonic() + wait
        while True:
            until = time.monotonic() + ttl
            try:
                etag = self.put(
                    color, key, _HOLDER, ttl=ttl, persistence=persistence, if_absent=True, policy=policy
                )
                return Lock(self, color, key, ttl, renew, persistence, policy, etag, until)
            except ObjectsError as error:
                if error.status != 412:
                    raise
            left = deadline - time.monotonic()
            if left <= 0 or not self.wait_until_gone(color, key, left, policy):
                return None

    def close(self):
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _since in idle:
            connection.close()

    def _wait_once(self, color, key, headers, left, policy):
        seconds = min(left, _WAIT_STEP_S)
        path = "%s?wait=%dms" % (_path(color, key), round(seconds * 1000))
        return self._send("GET", path, policy, seconds + _LARGE_S, headers, allowed=(304, 404))

    def _send(self, method, path, policy, timeout, headers=None, body=None, allowed=()):
        all_headers = dict(headers or {})
        all_headers["Authorization"] = "Bearer " + self._token
        if policy is not None:
            all_headers["X-OpenWhisk-Color-Policy"] = policy
        for name, value in all_headers.items():
            if re.search(r"[^\x20-\x7e]", value):
                raise ObjectsError(400, "The header %s takes visible ASCII characters only." % name)
        response = self._exchange(method, path, all_headers, body, timeout)
        if 200 <= response.status < 300 or response.status in allowed:
            return response
        raise _error_of(response)

    def _exchange(self, method, path, headers, body, timeout):
        deadline = time.monotonic() + timeout
        repeatable = method == "GET" or (method == "PUT" and not any(name.startswith("If-") for name in headers))
        while True:
            connection, used = self._take(deadline)
            connected = used
            try:
                if not used:
                    connection.connect()
                    connected = True
                connection.request(method, path, body=body, headers=headers)
                answer = connection.getresponse()
                response = _Response(answer.status, answer.headers, answer.read())
                if answer.will_close:
                    connection.close()
                else:
                    self._keep(connection)
                return response
            except socket.timeout as error:
                connection.close()
                message = "The object server did not respond within %g s." % timeout
                raise ObjectsError(0, message) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                again = not connected or (used and repeatable)
                if not again or time.monotonic() >= deadline:
                    raise ObjectsError(0, "The object server cannot be reached: %s." % error) from error
                if not used:
                    time.sleep(_RECONNECT_S)

    def _take(self, deadline):
        left = max(0.001, deadline - time.monotonic())
        while True:
            with self._lock:
                connection, since = self._idle.pop() if self._idle else (None, 0.0)
            if connection is None:
                break
            if time.monotonic() - since < _MAX_IDLE_S and _is_open(connection.sock):
                connection.sock.settimeout(left)
                return connection, True
            connection.close()
        if self._url.startswith("unix:"):
            return _UnixConnection(self._url[len("unix:"):], left), False
        address = urllib.parse.urlsplit(self._url)
        if address.scheme != "http":
            raise ObjectsError(0, "Objects are reached by unix: or http:, not %s:" % address.scheme)
        return http.client.HTTPConnection(address.hostname, address.port or 80, timeout=left), False

    def _keep(self, connection):
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()


class Lock:
    """A lock on a key, held until it is released or lost."""

    def __init__(self, objects, color, key, ttl, renew, persistence, policy, etag, until):
        self.color = color
        self.key = key
        self._objects = objects
        self._ttl = ttl
        self._persistence = persistence
        self._policy = policy
        self._etag = etag
        # When its time is over at the latest: the server counts it from the request on or later.
        self._until = until
        self._mutex = threading.Lock()
        self._released = threading.Event()
        self._lost = threading.Event()
        if renew:
            threading.Thread(target=self._keep, daemon=True).start()

    @property
    def lost(self):
        """Whether the lock is lost: it was not renewed in time, by the clock of this process, or its object is gone.

        Another holder may have it.
        """
        if not self._released.is_set() and time.monotonic() >= self._until:
            self._lost.set()
        return self._lost.is_set()

    def renew(self):
        """Renews the lock for another TTL. Returns whether it is still held."""
        with self._mutex:
            if self._released.is_set() or self.lost:
                return False
            until = time.monotonic() + self._ttl
            try:
                self._etag = self._objects.put(
                    self.color, self.key, _HOLDER, ttl=self._ttl, persistence=self._persistence,
                    if_match=self._etag, policy=self._policy, timeout=_RENEWAL_S,
                )
                # Who has been told that it is lost has stopped.
                if not self._lost.is_set():
                    self._until = until
                return not self.lost
            except ObjectsError as error:
                if error.status != 412:
                    raise
                self._lost.set()
                return False

    def release(self):
        """Ends the lock if it is still held."""
        with self._mutex:
            if self._released.is_set():
                return
            self._released.set()
            try:
                self._objects.delete(self.color, self.key, if_match=self._etag, policy=self._policy)
            except ObjectsError as error:
                # Another holder has it.
                if error.status != 412:
                    raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

    def _keep(self):
        while not self._released.wait(min(self._ttl / 3, threading.TIMEOUT_MAX)) and not self.lost:
            try:
                self.renew()
            except ObjectsError:
                # The server may come back before the TTL is over.
                pass


class _Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


def _quote(part, text):
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise ObjectsError(400, "The %s must be a string, not %s." % (part, text.__class__.__name__))
    try:
        return urllib.parse.quote(str(text), safe="")
    except UnicodeEncodeError as error:
        raise ObjectsError(400, "The %s has half of a surrogate pair." % part) from error


def _path(color, key):
    return "/%s/%s" % (_quote("color", color), _quote("key", key))


def _lease_key(key):
    # The key of the lock for loading a key. The client for Node.js has the same.
    lease = "~load/%s" % key
    if len(lease.encode()) <= _MAX_KEY_BYTES:
        return lease
    return "~load/" + hashlib.sha256(str(key).encode()).hexdigest()


def _is_open(sock):
    # Whether the server has not closed the connection meanwhile, as it does after a while, or when it starts again.
    sock.setblocking(False)
    try:
        sock.recv(1, socket.MSG_PEEK)
        return False
    except (BlockingIOError, InterruptedError):
        return True
    except OSError:
        return False


def _time_for(body):
    return _LARGE_S if len(body) > _LARGE_BYTES else _DEFAULT_S


def _encode(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), "application/octet-stream"
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8"
    # NaN would not be JSON.
    return json.dumps(value, allow_nan=False).encode(), "application/json"


def _write_headers(ttl, persistence):
    headers = {}
    if ttl is not None:
        # The server counts milliseconds, and refuses a time that is not above 0.
        headers["X-Palette-TTL"] = "%.3f" % (max(0.001, ttl) if ttl > 0 else ttl)
    if persistence is not None:
        headers["X-Palette-Persistence"] = persistence
    return headers


def _versioned(response):
    type = response.headers.get("Content-Type", "application/octet-stream")
    media = type.split(";")[0].strip().lower()
    value = response.body
    if media == "application/json":
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ObjectsError(0, "The object has the type %s, but is not valid JSON." % type) from error
    elif media.startswith("text/"):
        value = value.decode(errors="replace")
    return Versioned(
        value, response.headers.get("ETag"), type, response.headers.get("X-Palette-Persistence", "memory")
    )


def _error_of(response):
    message = "The object server responded with status %d." % response.status
    try:
        message = json.loads(response.body)["error"]
    except (ValueError, KeyError, TypeError):
        # Not the object server's own error.
        pass
    retry = response.headers.get("Retry-After")
    return ObjectsError(
        response.status, message, response.headers.get("X-Request-ID"), None if retry is None else float(retry)
    )


_shared = None


def _own():
    """The client for the environment of the action."""
    global _shared
    url, token = os.environ.get("__OW_OBJECTS_URL"), os.environ.get("__OW_OBJECTS_TOKEN")
    if not url or not token:
        raise ObjectsError(0, "There are no objects here: __OW_OBJECTS_URL and __OW_OBJECTS_TOKEN are not set.")
    if _shared is None or (_shared._url, _shared._token) != (url, token):
        _shared = Objects(url, token)
    return _shared


def get(*args, **options):
    return _own().get(*args, **options)


def read(*args, **options):
    return _own().read(*args, **options)


def put(*args, **options):
    return _own().put(*args, **options)


def wait(*args, **options):
    return _own().wait(*args, **options)


def wait_until_gone(*args, **options):
    return _own().wait_until_gone(*args, **options)


def increment(*args, **options):
    return _own().increment(*args, **options)


def append(*args, **options):
    return _own().append(*args, **options)


def list(*args, **options):
    return _own().list(*args, **options)


def delete(*args, **options):
    return _own().delete(*args, **options)


def lock(*args, **options):
    return _own().lock(*args, **options)
