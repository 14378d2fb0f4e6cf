"""Torch's settings are the whole process's, so blocks in several threads share them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch

from federation.app.learning.deterministic import deterministic


def test_what_was_set_comes_back_after_the_last_of_blocks_that_overlap() -> None:
    threads, began, ended = torch.get_num_threads(), Event(), Event()

    def first() -> None:
        with deterministic():
            began.wait()
        ended.set()

    def second() -> bool:
        with deterministic():
            began.set()
            ended.wait()
            return torch.are_deterministic_algorithms_enabled()

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        assert pool.submit(second).result()
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads


def test_it_comes_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), deterministic():
        assert torch.get_num_threads() == 1
        raise ZeroDivisionError
    assert not torch.are_deterministic_algorithms_enabled()
