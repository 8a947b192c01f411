"""The relay program of carrier ``ssh-exec``: many streams over one pair of pipes.

It travels as text and is run by whatever Python the login node has, so it is one file that
needs Python 3.6 and nothing else. It listens nowhere, ends with its input or when that falls
silent, and leaves nothing behind. The broker imports what both ends must agree on.

A frame is ``kind: u8, stream: u32, length: u32`` (network order) and ``length`` bytes. The
broker numbers the streams. Either end sends DATA within the credit it was given, so that a
stream that nobody reads holds up no other.
"""

import collections
import itertools
import os
import selectors
import socket
import struct
import sys
import threading
import time

HEADER = struct.Struct("!BII")
AMOUNT = struct.Struct("!I")
OPEN, OPENED, FAILED, DATA, CREDIT, FINISH, CLOSE, BEAT = range(1, 9)
"""OPEN names ``host:port`` or an absolute path; FAILED says why not. FINISH: no more DATA this
way. CLOSE: what was sent before is the last, and nothing is read any more."""
READY = b"\njupyter-continuum exec relay 1\n"
"""Comes first; before it there may be whatever a login shell likes to say."""
WINDOW = 4 * 2**20
"""Bytes of a stream under way before a CREDIT: 1.6 Gbit/s at 20 ms."""
CHUNK = 256 * 1024
"""Bytes of one DATA frame at most."""
WORDS = 4096
"""Bytes of any other frame at most."""
BEAT_SECONDS = 20
SILENCE_SECONDS = 90
"""A broker that says nothing for so long, not even BEAT, is gone."""
DIAL_SECONDS = 15
BACKLOG = 2**20
"""Bytes waiting for the broker before gateways are read no more."""


class FrameError(Exception):
    """The other end broke the rules."""


class Frames:
    """Bytes in, ``(kind, stream, payload)`` out; DATA is handed on as it arrives."""

    def __init__(self) -> None:
        self._part = b""
        self._left = 0
        self._stream = 0

    def feed(self, data: bytes) -> "collections.abc.Iterator[tuple[int, int, memoryview]]":
        """FrameError for a frame that may not be."""
        view = memoryview(self._part + data if self._part else data)
        self._part = b""
        at, end = 0, len(view)
        while at < end:
            if self._left:
                size = min(self._left, end - at)
                self._left -= size
                yield DATA, self._stream, view[at : at + size]
                at += size
                continue
            if end - at < HEADER.size:
                break
            kind, stream, length = HEADER.unpack_from(view, at)
            if not OPEN <= kind <= BEAT or length > (CHUNK if kind == DATA else WORDS):
                raise FrameError(f"there is no frame of kind {kind} with {length} bytes")
            if kind == DATA:
                self._stream, self._left = stream, length
                at += HEADER.size
            elif end - at - HEADER.size < length:
                break
            else:
                at += HEADER.size + length
                yield kind, stream, view[at - length : at]
        self._part = bytes(view[at:])


class Stream:
    """A connection to a gateway."""

    def __init__(self, number: int, plug: socket.socket) -> None:
        self.number = number
        self.plug = plug
        self.watched = 0
        self.credit = WINDOW
        self.owed = 0
        """Bytes the gateway took, and for which the broker was given no new credit yet."""
        self.out: collections.deque[memoryview] = collections.deque()
        self.read_over = False
        self.last_word = 0
        """FINISH or CLOSE, once the broker said it."""
        self.shut = False

    @property
    def over(self) -> bool:
        if self.last_word == CLOSE:
            return not self.out
        return self.shut and self.read_over


class Relay:
    """Streams by number, and the way back to the broker."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.streams: dict[int, Stream] = {}
        self.out: collections.deque[bytes | memoryview] = collections.deque()
        self.waiting = 0
        self.blocked = False
        self.heard = time.monotonic()
        self.frames = Frames()
        self.dialled: collections.deque[tuple[int, socket.socket | None, str]]
        self.dialled = collections.deque()
        self.bell, self.ringer = socket.socketpair()

    def run(self) -> None:
        for number in (0, 1):
            os.set_blocking(number, False)
        self.bell.setblocking(False)
        self.selector.register(0, selectors.EVENT_READ, self.on_input)
        self.selector.register(self.bell, selectors.EVENT_READ, self.on_dialled)
        self.write(READY)
        while time.monotonic() - self.heard < SILENCE_SECONDS:
            for key, events in self.selector.select(BEAT_SECONDS):
                key.data(events)

    # The broker --------------------------------------------------------------------------

    def on_input(self, events: int) -> None:
        try:
            data = os.read(0, CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise SystemExit
        self.heard = time.monotonic()
        for kind, number, payload in self.frames.feed(data):
            if kind == OPEN:
                where = bytes(payload).decode()
                threading.Thread(target=self.dial, args=(number, where), daemon=True).start()
            elif number in self.streams:
                self.obey(self.streams[number], kind, payload)

    def obey(self, stream: Stream, kind: int, payload: memoryview) -> None:
        if kind == DATA:
            if stream.out:
                # A copy, or a few bytes that wait would keep all that was read with them.
                stream.out.append(memoryview(bytes(payload)))
                return
            stream.out.append(payload)
        elif kind == CREDIT:
            stream.credit += AMOUNT.unpack(payload)[0]
        else:
            stream.last_word = max(stream.last_word, kind)
        self.serve(stream, selectors.EVENT_WRITE)

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        self.write(HEADER.pack(kind, number, len(payload)), payload)

    def write(self, *buffers: bytes) -> None:
        for each in buffers:
            if each:
                self.out.append(each)
                self.waiting += len(each)
        if not self.blocked:
            self.flush()

    def flush(self, events: int = 0) -> None:
        """Write what the broker takes; ``events`` when it waited for that."""
        was_full = self.waiting > BACKLOG
        while self.out:
            try:
                sent = os.writev(1, list(itertools.islice(self.out, 64)))
            except BlockingIOError:
                break
            except OSError:
                raise SystemExit from None  # the broker has gone
            self.waiting -= sent
            while sent:
                first = self.out.popleft()
                if sent < len(first):
                    self.out.appendleft(memoryview(first)[sent:])
                    break
                sent -= len(first)
        if bool(self.out) != self.blocked:
            self.blocked = not self.blocked
            if self.blocked:
                self.selector.register(1, selectors.EVENT_WRITE, self.flush)
            else:
                self.selector.unregister(1)
        if events and was_full and self.waiting <= BACKLOG:
            for stream in list(self.streams.values()):
                self.watch(stream)

    # Gateways ----------------------------------------------------------------------------

    def dial(self, number: int, where: str) -> None:
        """In a thread of its own: a name may take long to resolve."""
        plug, reason = None, ""
        try:
            if where.startswith("/"):
                plug = socket.socket(socket.AF_UNIX)
                plug.settimeout(DIAL_SECONDS)
                plug.connect(where)
            else:
                host, _, port = where.rpartition(":")
                plug = socket.create_connection((host, int(port)), DIAL_SECONDS)
                plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plug.setblocking(False)
        except (OSError, ValueError) as error:
            reason = str(error) or "it did not answer"
            if plug is not None:
                plug.close()
                plug = None
        self.dialled.append((number, plug, reason))
        self.ringer.send(b".")

    def on_dialled(self, events: int) -> None:
        self.bell.recv(WORDS)
        while self.dialled:
            number, plug, reason = self.dialled.popleft()
            if plug is None:
                self.send(FAILED, number, reason.encode()[:WORDS])
                continue
            self.streams[number] = stream = Stream(number, plug)
            self.send(OPENED, number)
            self.watch(stream)

    def watch(self, stream: Stream) -> None:
        """Wait for what can be done with this stream, and for nothing else."""
        wanted = 0
        if stream.credit and not stream.read_over and self.waiting <= BACKLOG:
            wanted |= selectors.EVENT_READ
        if stream.out:
            wanted |= selectors.EVENT_WRITE
        if wanted == stream.watched:
            return

        def on_events(events: int) -> None:
            self.serve(stream, events)

        if not wanted:
            self.selector.unregister(stream.plug)
        elif stream.watched:
            self.selector.modify(stream.plug, wanted, on_events)
        else:
            self.selector.register(stream.plug, wanted, on_events)
        stream.watched = wanted

    def serve(self, stream: Stream, events: int) -> None:
        if self.streams.get(stream.number) is not stream:
            return  # forgotten since `select` saw it, by what came from the broker with it
        try:
            if events & selectors.EVENT_WRITE:
                self.write_out(stream)
            if events & selectors.EVENT_READ:
                self.read_in(stream)
        except BlockingIOError:
            pass
        except OSError:
            self.send(CLOSE, stream.number)
            self.forget(stream)
            return
        if stream.over:
            self.forget(stream)
        else:
            self.watch(stream)

    def read_in(self, stream: Stream) -> None:
        data = stream.plug.recv(min(CHUNK, stream.credit))
        if data:
            stream.credit -= len(data)
            self.send(DATA, stream.number, data)
        else:
            stream.read_over = True
            self.send(FINISH, stream.number)

    def write_out(self, stream: Stream) -> None:
        try:
            while stream.out:
                sent = stream.plug.send(stream.out[0])
                stream.owed += sent
                if sent < len(stream.out[0]):
                    stream.out[0] = stream.out[0][sent:]
                else:
                    stream.out.popleft()
        finally:
            if stream.owed > WINDOW // 8:
                self.send(CREDIT, stream.number, AMOUNT.pack(stream.owed))
                stream.owed = 0
        if stream.last_word == FINISH and not stream.shut:
            stream.plug.shutdown(socket.SHUT_WR)
            stream.shut = True

    def forget(self, stream: Stream) -> None:
        if stream.watched:
            self.selector.unregister(stream.plug)
        stream.plug.close()
        del self.streams[stream.number]


if __name__ == "__main__":
    try:
        Relay().run()
    except KeyboardInterrupt:
        sys.exit(1)
