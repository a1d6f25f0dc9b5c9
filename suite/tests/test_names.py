import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.names import compiled_file, did_you_mean

KNOWN = ["argmax", "argmin", "matmul_large_k"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("argmn", "; did you mean 'argmin'?"),
        ("argmaxx", "; did you mean 'argmax'?"),
        ("matmul", "; did you mean 'matmul_large_k'?"),
        ("softmax_of_rows", "; there are: argmax, argmin, matmul_large_k"),
        ("", "; there are: argmax, argmin, matmul_large_k"),
    ],
)
def test_the_hint_names_the_nearest_or_all(name, hint):
    assert did_you_mean(name, KNOWN) == hint


def test_without_known_names_the_hint_says_so():
    assert did_you_mean("argmin", []) == "; there are none"


@given(name=st.text(), known=st.lists(st.text(min_size=1)))
def test_any_name_gets_a_hint(name, known):
    hint = did_you_mean(name, known)
    assert hint == "; there are none" if not known else hint.startswith(("; did you mean ", "; there are: "))


@pytest.mark.parametrize(
    ("stem", "name"), [("my_kernel-2", "my_kernel-2.py"), ("größer", "gr__er.py"), ("日本 1", "___1.py")]
)
def test_what_is_compiled_has_an_ascii_name(stem, name):
    assert compiled_file(stem) == name
