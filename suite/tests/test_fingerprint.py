import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.judge.exchange import bytes_of
from suite.judge.fingerprint import CHUNK_WORDS, changed, fingerprint

CHUNK_BYTES = 8 * CHUNK_WORDS
SIZES = [0, 1, 7, 8, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 9]


def random_bytes(size, seed=0):
    return torch.randint(0, 256, (size,), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES)
def test_one_sum_a_chunk_and_one_for_the_tail(size):
    (sums,) = fingerprint([random_bytes(size)])
    assert (sums.dtype, tuple(sums.shape)) == (torch.int64, (size // CHUNK_BYTES + 1,))


@pytest.mark.parametrize("size", SIZES)
def test_equal_bytes_have_equal_fingerprints(size):
    data = random_bytes(size)
    assert changed(fingerprint([data]), fingerprint([data.clone()])) is None


@settings(max_examples=300, deadline=None)
@given(
    size=st.sampled_from([size for size in SIZES if size]),
    where=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
    seed=st.integers(0, 7),
)
def test_every_change_of_one_byte_is_seen(size, where, flip, seed):
    data = random_bytes(size, seed)
    before = fingerprint([data])
    data[int(where * size)] ^= flip
    assert changed(before, fingerprint([data])) == 0


@pytest.mark.parametrize("size", [1, 9, CHUNK_BYTES + 3])
def test_every_bit_of_the_tail_counts(size):
    data = random_bytes(size)
    before = fingerprint([data])
    for at in range(size - size % CHUNK_BYTES, size):
        for bit in range(8):
            data[at] ^= 1 << bit
            assert changed(before, fingerprint([data])) == 0, (at, bit)
            data[at] ^= 1 << bit
    assert changed(before, fingerprint([data])) is None


def test_swapped_bytes_of_the_tail_are_seen():
    data = torch.tensor([1, 2, 3], dtype=torch.uint8)
    before = fingerprint([data])
    assert changed(before, fingerprint([data.flip(0)])) == 0


def test_the_first_changed_tensor_is_named():
    tensors = [torch.rand(5), torch.rand(CHUNK_WORDS * 2), torch.rand(3, 3)]
    before = fingerprint(tensors)
    tensors[1][17] = 2.0
    tensors[2][0, 0] = 2.0
    assert changed(before, fingerprint(tensors)) == 1


def test_no_tensors():
    assert changed(fingerprint([]), fingerprint([])) is None


@pytest.mark.parametrize(
    "view",
    [
        lambda base: base[::2],
        lambda base: base[10:20],
        lambda base: base.view(10, 10).t(),
        lambda base: base[:1].expand(1000),
    ],
    ids=["strided", "offset", "transposed", "expanded"],
)
def test_a_view_stands_for_its_whole_storage(view):
    base = torch.arange(100, dtype=torch.float32)
    before = fingerprint([view(base)])
    assert changed(before, fingerprint([base])) is None
    base[99] = -1.0  # outside most of the views
    assert changed(before, fingerprint([view(base)])) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64, torch.bool])
def test_dtypes_do_not_matter(dtype):
    tensor = torch.ones(CHUNK_WORDS + 3).to(dtype)
    before = fingerprint([tensor])
    assert changed(before, fingerprint([tensor.clone()])) is None
    tensor[-1] = 0
    assert changed(before, fingerprint([tensor])) == 0


def test_nan_payloads_and_signs_of_zero_are_bytes_too():
    tensor = torch.tensor([0.0, float("nan")])
    before = fingerprint([tensor])
    tensor[0] = -0.0
    assert changed(before, fingerprint([tensor])) == 0


def test_bytes_of_shares_the_storage():
    tensor = torch.zeros(4, dtype=torch.int32)
    bytes_of(tensor[2:])[0] = 7
    assert tensor.tolist() == [7, 0, 0, 0]
