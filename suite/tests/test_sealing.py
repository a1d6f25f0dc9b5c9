"""Sealed memory is noise outside of an opening and itself within one."""

import os
import threading

import pytest
import torch

from suite.worker.sealing import Sealing, Storages, region_of, scramble

CPU = torch.device("cpu")
LARGE = (1 << 18) + 4096 * 40 + 12  # bytes: more than the mask


def views():
    base = torch.rand(40, 50)
    return {
        "whole": base,
        "transposed": torch.rand(7, 9).t(),
        "rows": base[3:20],
        "inner columns": base[:, 5:11],
        "every other column": base[:, ::2],
        "broadcast": torch.rand(1, 6).expand(5, 6),
        "one element": torch.rand(()),
        "bytes": torch.randint(0, 2, (33,), dtype=torch.bool),
        "halves": torch.rand(31).half(),
        "large": torch.arange(LARGE // 4, dtype=torch.int32),
    }


@pytest.mark.parametrize("name", list(views()))
def test_to_scramble_twice_is_to_do_nothing(name):
    tensor = views()[name]
    around = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    before = around.clone()
    scramble([tensor], 77)
    changed = around != before
    inside = torch.zeros_like(changed)
    start = tensor.storage_offset() * tensor.itemsize
    inside[start : start + region_of(tensor).numel()] = True
    assert not bool(changed[~inside].any())
    assert int(changed.sum()) == (int(inside.sum()) if name != "large" else changed.sum())
    scramble([tensor], 77)
    assert torch.equal(around, before)


def test_a_large_tensor_is_scrambled_in_every_sixteenth_block():
    tensor = torch.zeros(4096 * 320, dtype=torch.uint8)
    scramble([tensor], 5)
    rows = tensor.view(320, 4096)
    touched = [row for row in range(320) if bool(rows[row].any())]
    assert touched == list(range(5, 320, 16))
    assert bool((rows[touched] != 0).all())


def test_tensors_that_overlap_come_back():
    base = torch.rand(100)
    before, parts = base.clone(), [base[:60], base[40:], base[::3]]
    scramble(parts, 9)
    assert not torch.equal(base, before)
    scramble(parts, 9)
    assert torch.equal(base, before)


def test_another_seed_gives_another_noise():
    one, other = torch.zeros(64, dtype=torch.uint8), torch.zeros(64, dtype=torch.uint8)
    scramble([one], 1)
    scramble([other], 2)
    assert not torch.equal(one, other)


def test_nothing_to_scramble():
    scramble([], 1)
    scramble([torch.empty(0, 3)], 1)


@pytest.fixture
def sealed():
    """A sealing under way, its input as the worker has it, and the input's true values."""
    x = torch.rand(30)
    truth = x.clone()
    scramble([x], 3)
    sealing = Sealing(CPU)
    sealing.begin(3, [x])
    return sealing, x, truth


def test_an_opening_shows_the_inputs(sealed):
    sealing, x, truth = sealed
    assert not torch.equal(x, truth)
    with sealing.opened():
        assert torch.equal(x, truth)
        with sealing.opened():
            assert torch.equal(x, truth)
        assert torch.equal(x, truth)
    assert not torch.equal(x, truth)
    sealing.end()
    assert not torch.equal(x, truth)  # the judge undoes what it did
    scramble([x], 3)
    assert torch.equal(x, truth)


def test_an_exception_leaves_it_sealed(sealed):
    sealing, x, truth = sealed
    with pytest.raises(ValueError, match="mine"), sealing.opened():
        raise ValueError("mine")
    assert not torch.equal(x, truth)


def test_code_within_an_opening_can_be_shut_out(sealed):
    sealing, x, truth = sealed
    with sealing.opened():
        with sealing.closed():
            assert not torch.equal(x, truth)
            with sealing.opened():
                assert torch.equal(x, truth)
            assert not torch.equal(x, truth)
        assert torch.equal(x, truth)
    with sealing.closed():
        assert not torch.equal(x, truth)


def test_what_is_covered_is_sealed_from_the_end_of_the_opening_to_the_end_of_the_call(sealed):
    sealing, _, _ = sealed
    made = torch.empty(20)
    with sealing.opened():
        made.fill_(1.0)
        sealing.cover(made)
        assert bool((made == 1.0).all())
    assert sealing.covers(made[3:5])
    assert not sealing.covers(torch.ones(2))
    assert not bool((made == 1.0).any())
    with sealing.opened():
        assert bool((made == 1.0).all())
    sealing.end()
    assert bool((made == 1.0).all())
    assert not sealing.covers(made)


def test_nothing_is_sealed_between_calls():
    sealing = Sealing(CPU)
    x = torch.ones(4)
    with sealing.opened():
        sealing.cover(x)
    sealing.end()
    assert bool((x == 1).all())


def test_what_is_covered_outside_of_an_opening_is_left_alone(sealed):
    sealing, _, _ = sealed
    made = torch.ones(20)
    sealing.cover(made)
    with sealing.opened():
        assert bool((made == 1.0).all())
    assert bool((made == 1.0).all())


def test_openings_of_two_threads_overlap(sealed):
    sealing, x, truth = sealed
    entered, leave, seen = threading.Event(), threading.Event(), []

    def other():
        with sealing.opened():
            entered.set()
            leave.wait(10)
            seen.append(torch.equal(x, truth))

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    with sealing.opened():
        assert torch.equal(x, truth)
    assert torch.equal(x, truth)
    leave.set()
    thread.join()
    assert seen == [True]
    assert not torch.equal(x, truth)


@pytest.mark.gpu
def test_what_a_card_s_data_was_copied_to_in_host_memory_is_sealed_too():
    x = torch.rand(30, device="cuda")
    truth = x.cpu()
    scramble([x], 3)
    sealing = Sealing(x.device)
    sealing.begin(3, [x])
    with sealing.opened():
        host, beside = x.cpu(), x.clone()
        sealing.cover(host)
        sealing.cover(beside)
        assert torch.equal(host, truth)
    for tensor in (host, beside.cpu(), x.cpu()):
        assert not torch.equal(tensor, truth)
    sealing.end()
    assert torch.equal(host, truth)
    assert torch.equal(beside.cpu(), truth)


def test_a_child_cannot_open_what_it_shares(sealed, monkeypatch):
    sealing, x, truth = sealed
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with sealing.opened():
        assert not torch.equal(x, truth)


def test_a_set_of_storages_keeps_none_alive():
    storages = Storages()
    kept, dropped = torch.rand(3), torch.rand(4)
    for tensor in (kept, dropped, kept[1:]):
        storages.add(tensor)
    assert kept[2:] in storages
    assert torch.rand(3) not in storages
    assert sorted(storage.nbytes() for storage in storages.alive()) == [12, 16]
    del dropped, tensor
    assert [storage.nbytes() for storage in storages.alive()] == [12]
    storages.clear()
    assert kept not in storages
