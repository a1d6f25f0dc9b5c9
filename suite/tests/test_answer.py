"""The code in an answer."""

import pytest

from suite.stages.answer import AnswerError, code_of, fenced_blocks

CODE = "import torch\nx = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{CODE}```",
        f"Sure:\n\n```py\n{CODE}```\nDone.",
        f"```\n{CODE}```\n",
        f"~~~~ Python\n{CODE}~~~~\n",
        f"```bash\npip install x\n```\n```python\n{CODE}```\n```json\n{{}}\n```\n",
        f'  ```python title="mine.py"\n{CODE}  ```\n',
    ],
)
def test_one_python_block_is_the_answer(text):
    assert code_of(text) == CODE


def test_bare_code_is_the_answer_fences_in_its_strings_included():
    code = '"""\n```python\nx = 2\n```\n"""\nx = 1\n'
    assert code_of(code) == code


def test_code_that_does_not_parse_is_left_for_its_own_message():
    code = "import torch\ndef f(:\n    pass\n"
    assert code_of(code) == code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the answer is empty"),
        (" \n\t\n", "the answer is empty"),
        ("I refuse: it is fast enough.", "no Python block: answer with one block that begins with ```python"),
        ("```text\nno code\n```", "no Python block: answer with one block that begins with ```python"),
        (f"a\n```python\n{CODE}```\n```\n{CODE}```", "2 Python blocks (lines 2, 6): answer with exactly one"),
        (f"Well,\n```python\n{CODE}", "the code block that begins on line 2 never ends: it was cut off"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(AnswerError) as error:
        code_of(text)
    assert str(error.value) == message


def test_what_python_takes_for_a_part_of_a_line_stays_one():
    code = "x = 'a\x0cb'  # \x1c \u2028\n\x0c\nclass ModelNew: pass\n"
    assert code_of(f"Here:\r\n```python\r\n{code}```\n") == code


def test_a_fence_ends_at_one_of_its_own_kind_that_is_as_long():
    (block,) = fenced_blocks("````python\n```\n~~~~\n``````\n")
    assert (block.line, block.language, block.code, block.is_closed) == (1, "python", "```\n~~~~\n", True)
