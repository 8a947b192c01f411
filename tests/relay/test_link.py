"""Links without a socket: bytes are carried by hand, in any pieces, over breaks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.relay.frames import (
    AMOUNT,
    COUNT,
    HEADER,
    MAX_PAYLOAD,
    Accepted,
    Data,
    Decoder,
    Finished,
    FrameError,
    Granted,
    Kind,
    Opened,
    Reset,
    Said,
)
from jupyter_continuum.relay.link import ACK_EVERY_BYTES, MAX_STREAMS, WINDOW, Link


def joined() -> tuple[Link, Link]:
    hub, gateway = Link(even=True), Link(even=False)
    hub.attach(0)
    gateway.attach(0)
    return hub, gateway


def carry(source: Link, target: Link) -> list:
    return target.receive(b"".join(source.take()))


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    return HEADER.pack(kind, stream, len(payload)) + payload


def accepted() -> tuple[Link, Link, int]:
    hub, gateway = joined()
    stream = hub.open("lumi.1a:7")
    assert carry(hub, gateway) == [Opened(stream, "lumi.1a:7")]
    gateway.accept(stream)
    assert carry(gateway, hub) == [Accepted(stream)]
    return hub, gateway, stream


def test_a_stream_from_open_to_end():
    hub, gateway, stream = accepted()
    hub.send(stream, b"question")
    hub.finish(stream)
    assert carry(hub, gateway) == [Data(stream, b"question"), Finished(stream)]
    gateway.send(stream, b"answer")
    gateway.finish(stream)
    assert carry(gateway, hub) == [Data(stream, b"answer"), Finished(stream)]
    assert (hub.streams, gateway.streams) == (0, 0)


def test_reset_ends_both_ways_and_crossing_data_is_dropped():
    hub, gateway, stream = accepted()
    hub.reset(stream, "no more")
    gateway.send(stream, b"crossing")
    assert carry(gateway, hub) == []
    assert carry(hub, gateway) == [Reset(stream, "no more")]
    assert (hub.streams, gateway.streams) == (0, 0)


def test_reset_crossing_accept_leaves_nothing():
    hub, gateway = joined()
    stream = hub.open("lumi.1a:7")
    carry(hub, gateway)
    gateway.accept(stream)
    hub.reset(stream)
    assert carry(gateway, hub) == []
    assert carry(hub, gateway) == [Reset(stream, "")]
    assert (hub.streams, gateway.streams) == (0, 0)


def test_messages_pass():
    hub, gateway = joined()
    gateway.say({"listening": "lumi.1a:7"})
    assert carry(gateway, hub) == [Said({"listening": "lumi.1a:7"})]


def test_credit_is_spent_and_granted_again():
    hub, gateway, stream = accepted()
    for _ in range(WINDOW // MAX_PAYLOAD):
        hub.send(stream, bytes(MAX_PAYLOAD))
    assert hub.credit(stream) == 0
    with pytest.raises(ValueError, match="credit 0"):
        hub.send(stream, b"x")
    carry(hub, gateway)
    gateway.grant(stream, 1000)
    assert Granted(stream) in carry(gateway, hub)
    assert hub.credit(stream) == 1000


def test_what_is_acknowledged_is_kept_no_longer():
    hub, gateway, stream = accepted()
    for _ in range(ACK_EVERY_BYTES // MAX_PAYLOAD + 1):
        hub.send(stream, bytes(MAX_PAYLOAD))
    carry(hub, gateway)
    carry(gateway, hub)
    assert hub.unacknowledged == 0


def test_two_quiet_ends_do_not_echo_acknowledgements():
    hub, gateway, _ = accepted()
    for _ in range(3):
        hub.acknowledge()
        carry(hub, gateway)
        gateway.acknowledge()
        carry(gateway, hub)
    hub.acknowledge()
    gateway.acknowledge()
    assert hub.take() == gateway.take() == []


def test_a_stale_acknowledgement_sent_again_after_a_break_is_harmless():
    hub, gateway, stream = accepted()
    hub.send(stream, b"x" * 1000)
    carry(hub, gateway)
    gateway.acknowledge()
    gateway.take()  # lost with the pipe
    hub.detach()
    gateway.detach()
    hub.attach(gateway.received)
    gateway.attach(hub.received)
    assert carry(gateway, hub) == []
    assert hub.unacknowledged == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (frame(0, 1), "no frame of type 0"),
        (frame(11, 1), "no frame of type 11"),
        (HEADER.pack(Kind.DATA, 1, MAX_PAYLOAD + 1), "is over"),
        (HEADER.pack(Kind.OPEN, 1, 5000), "is over"),
        (frame(Kind.OPEN, 2, b"a.b:1"), "not free"),
        (frame(Kind.OPEN, 0, b"a.b:1"), "not free"),
        (frame(Kind.OPEN, 1, b"a.b:1") * 2, "not free"),
        (frame(Kind.OPEN, 1) + frame(Kind.CREDIT, 1, AMOUNT.pack(1)), "granted more"),
        (frame(Kind.OPEN, 1) + frame(Kind.DATA, 1, bytes(MAX_PAYLOAD)) * 17, "than it was granted"),
        (frame(Kind.OPEN, 1) + frame(Kind.FINISH, 1) + frame(Kind.DATA, 1, b"x"), "than it was"),
        (frame(Kind.ACK, 0, COUNT.pack(1)), "acknowledged"),
        (frame(Kind.ACK, 0, b"x"), "8 bytes were expected"),
        (frame(Kind.CREDIT, 1, b""), "4 bytes were expected"),
        (frame(Kind.MESSAGE, 0, b"[]"), "not a JSON object"),
        (frame(Kind.MESSAGE, 0, b"[" * 100_000), "not JSON"),
        (frame(Kind.MESSAGE, 0, b"\xff"), "not JSON"),
    ],
)
def test_what_breaks_the_rules_is_one_error(data, sentence):
    hub = Link(even=True)
    hub.attach(0)
    with pytest.raises(FrameError, match=sentence):
        hub.receive(data)


def test_streams_are_limited():
    hub, gateway = joined()
    for _ in range(MAX_STREAMS):
        hub.open("a.b:1")
    with pytest.raises(ValueError, match="at most"):
        hub.open("a.b:1")
    carry(hub, gateway)
    with pytest.raises(FrameError, match="at most"):
        gateway.receive(frame(Kind.OPEN, 2 * MAX_STREAMS + 2))


@pytest.mark.parametrize("count", [-1, 10**9])
def test_a_link_is_not_resumed_where_it_never_was(count):
    hub, _, _ = accepted()
    hub.detach()
    with pytest.raises(FrameError, match="is owed"):
        hub.attach(count)


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000)))
def test_garbage_raises_frame_error_only(garbage, cuts):
    hub = Link(even=True)
    hub.attach(0)
    try:
        for piece in pieces(garbage, cuts):
            hub.receive(piece)
    except FrameError:
        pass
    assert sum(map(len, hub.take())) <= len(garbage) + 100  # nothing is amplified


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[one:other] for one, other in pairwise(edges)]


frames_said = st.lists(
    st.one_of(
        st.tuples(st.just(Kind.DATA), st.just(1), st.binary(min_size=1, max_size=300)),
        st.tuples(
            st.sampled_from([Kind.OPEN, Kind.RESET]), st.integers(0, 9), st.binary(max_size=40)
        ),
        st.tuples(st.just(Kind.MESSAGE), st.just(0), st.binary(max_size=100)),
        st.tuples(st.sampled_from([Kind.FINISH, Kind.PING]), st.integers(0, 9), st.just(b"")),
    ),
    max_size=12,
)


@given(frames_said, st.lists(st.integers(0, 3000)))
def test_any_chunking_gives_the_same_frames(said, cuts):
    decoder, heard = Decoder(), []
    for piece in pieces(b"".join(frame(*each) for each in said), cuts):
        for kind, stream, payload in decoder.feed(piece):
            if kind == Kind.DATA and heard and heard[-1][:2] == (kind, stream):
                heard[-1] = (kind, stream, heard[-1][2] + bytes(payload))
            else:
                heard.append((kind, stream, bytes(payload)))
    wanted: list = []
    for kind, stream, payload in said:  # DATA may come in pieces, so neighbours are one here
        if kind == Kind.DATA and wanted and wanted[-1][:2] == (kind, stream):
            wanted[-1] = (kind, stream, wanted[-1][2] + payload)
        else:
            wanted.append((kind, stream, payload))
    assert heard == wanted


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 200_000)),
            st.tuples(st.just("carry"), st.integers(0, 1), st.integers(0, 300_000)),
            st.tuples(st.just("cut"), st.integers(0, 400_000), st.integers(0, 400_000)),
            st.tuples(st.just("acknowledge"), st.integers(0, 1), st.just(0)),
        ),
        max_size=40,
    )
)
def test_every_byte_arrives_once_and_in_order_over_any_cuts(steps):
    ends = accepted()[:2]
    stream = 2
    under_way = [bytearray(), bytearray()]  # by receiving end
    sent, heard = [bytearray(), bytearray()], [bytearray(), bytearray()]
    number = 0

    def fill():
        for i in (0, 1):
            under_way[1 - i] += b"".join(ends[i].take())

    def hear(i: int, size: int) -> None:
        data = bytes(under_way[i][:size])
        del under_way[i][:size]
        for event in ends[i].receive(data):
            if isinstance(event, Data):
                heard[i] += event.payload
                ends[i].grant(stream, len(event.payload))

    for what, one, other in [*steps, ("cut", 0, 0)]:
        fill()
        if what == "send":
            size = min(other, ends[one].credit(stream), MAX_PAYLOAD)
            if size:
                data = number.to_bytes(4, "big") * (size // 4 + 1)
                number += 1
                ends[one].send(stream, data[:size])
                sent[1 - one] += data[:size]
        elif what == "carry":
            hear(one, other)
        elif what == "acknowledge":
            ends[one].acknowledge()
        else:
            hear(0, one)
            hear(1, other)
            under_way = [bytearray(), bytearray()]  # lost with the pipe
            for end in ends:
                end.detach()
            ends[0].attach(ends[1].received)
            ends[1].attach(ends[0].received)
    fill()
    while any(under_way):
        hear(0, len(under_way[0]))
        hear(1, len(under_way[1]))
        fill()
    assert heard == sent
