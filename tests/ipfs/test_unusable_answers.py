"""An IPFS node that breaks off in the middle, or answers what is none of IPFS, counts as away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from audit.cid import cid_of
from ipfs.objects import ObjectStore, ObjectStoreUnreachable

TEN_OF_A_HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789"
ANSWERS = {
    "breaks off": TEN_OF_A_HUNDRED,
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    "sent elsewhere": b"HTTP/1.1 307 -\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "sent nowhere": b"HTTP/1.1 302 -\r\nLocation: http://[/\r\nContent-Length: 0\r\n\r\n",
    "half an error": b"HTTP/1.1 500 -\r\nContent-Length: 9\r\n\r\n{",
}


@contextmanager
def node(answer: bytes, *, hangs_up: bool = True) -> Iterator[ObjectStore]:
    """A store at a node that gives every request this answer."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(answer)
                    if not hangs_up:
                        over.wait()

        serving = threading.Thread(target=serve)
        serving.start()
        api = f"/ip4/127.0.0.1/tcp/{listener.getsockname()[1]}"
        try:
            with ObjectStore(api, timeout_seconds=0.5) as store:
                yield store
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def refuse_by_name(store: ObjectStore) -> None:
    cid = cid_of(b"an object")
    for ask in (store.get, store.holds):
        with pytest.raises(ObjectStoreUnreachable, match=cid):
            ask(cid)
    with pytest.raises(ObjectStoreUnreachable, match=cid):
        store.put(b"an object")


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_none_counts_as_no_answer(name: str) -> None:
    with node(ANSWERS[name]) as store:
        refuse_by_name(store)


def test_an_answer_that_never_ends_counts_as_no_answer() -> None:
    with node(TEN_OF_A_HUNDRED, hangs_up=False) as store, pytest.raises(ObjectStoreUnreachable):
        store.get(cid_of(b"an object"))


def test_an_answer_of_another_form_counts_as_no_answer() -> None:
    header = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
    with node(header) as store:
        with pytest.raises(ObjectStoreUnreachable):
            store.put(b"an object")
        with pytest.raises(ObjectStoreUnreachable):
            store.holds(cid_of(b"an object"))
