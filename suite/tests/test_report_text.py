"""What a reader sees: numbers, names of strangers, file names, small drawings, source."""

import pytest

from suite.report import text
from suite.report.history import Step
from suite.report.names import origin, page_names, stage_order
from suite.report.source import difference, highlighted
from suite.report.spark import sparkline
from suite.report.templating import json_block, script

HOSTILE = '<script>alert("x")</script><b>&amp;'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.23764, "2.238"),
        (0.0125, "0.01250"),
        (123456.7, "123457"),
        (9.99996, "10.00"),
        (0.0, "0"),
        (None, "-"),
    ],
)
def test_significant_digits(value, shown):
    assert text.significant(value) == shown


def test_backticks_become_code():
    assert text.inline_code("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
    assert text.inline_code("one ` only") == "one ` only"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ada_split-k", "ada_split-k"),
        (None, ""),
        ("two\nlines\t and   blanks", "two lines and blanks"),
        ("right\u202eto left\x1b[31m", "right to left [31m"),
        ("x" * 100_000, "x" * 59 + "…"),
        (" " * 100_000 + "x", "…"),
    ],
)
def test_a_name_is_one_short_line(name, shown):
    assert text.shown(name) == shown


def test_long_text_says_what_is_missing():
    assert text.clipped("a\nb") == "a\nb"
    assert text.clipped("x" * 2000, 10) == "xxxxxxxxxx… (1990 more characters)"
    assert text.clipped("bell\x07") == "bell\ufffd"
    assert text.clipped(None) == ""


def test_a_label_is_text_to_plotly():
    assert text.label("<b>&amp;\"'") == "&lt;b&gt;&amp;amp;\"'"
    assert len(text.label("<" * 1000)) == 27 * 4 + 1


def test_a_name_may_break_after_its_separators():
    assert text.breakable("a_b<c-d") == "a_<wbr>b&lt;c-<wbr>d"


def test_a_list_in_a_sentence():
    assert text.listed(["a"]) == "a"
    assert text.listed(["a", "b", "c"]) == "a, b and c"
    assert text.listed(list("abcdef")) == "a, b, c, d and 2 more"


class TestPageNames:
    def test_plain_names_stay(self):
        assert page_names(["final", "ada_one-two"]) == {"final": "final", "ada_one-two": "ada_one-two"}

    def test_no_name_leads_out_of_its_folder_or_takes_the_folder_s_own_files(self):
        names = ["../../etc/passwd", "index", "results", "badge", "a/b", "", ".", "con\x00", HOSTILE, "ü"]
        found = page_names(names)
        assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
                   for slug in found.values())  # fmt: skip
        assert not set(found.values()) & {"index", "results", "badge", ""}
        assert len(set(found.values())) == len(names)

    def test_a_name_of_100_kb_is_a_short_file(self):
        (slug,) = page_names(["x" * 100_000]).values()
        assert len(slug) < 60

    def test_names_that_differ_by_case_alone_are_two_files_everywhere(self):
        found = page_names(["Final", "final"])
        assert found["Final"] == "Final"
        assert found["final"].startswith("final-")

    def test_a_name_that_looks_like_another_s_file_does_not_take_its_place(self):
        (odd,) = page_names(["a b"]).values()
        found = page_names(["a b", odd])
        assert len({slug.lower() for slug in found.values()}) == 2


def test_origins_and_stages():
    stages = ("final", "submitted", "reference", "anything")
    assert [origin(stage) for stage in stages] == ["graded", "submitted", "reference", "submitted"]
    assert sorted(("final", "reference", "baseline"), key=stage_order) == ["baseline", "final", "reference"]


def test_a_sparkline_says_in_words_what_it_draws():
    steps = [Step("2026-01-01", "a", None, 0.25), Step("2026-01-02", "b", None, 0.5)]
    drawn = sparkline(steps)
    assert "<title>best fraction of peak over time: 0.250 to 0.500 in 2 steps</title>" in drawn
    assert 'points="4.0,23.5 75.0,23.5 75.0,17.0 146.0,17.0"' in drawn
    assert sparkline([]) == ""


class TestSource:
    def test_lines_are_marked_and_escaped(self):
        shown = highlighted('import os  # <b>\n\n\ndef f(x):\n    """Two\n    lines."""\n    return x < 2\n')
        assert len(shown.lines) == 7
        assert shown.lines[0] == '<i class="k">import </i>os  <i class="c"># &lt;b&gt;</i>'
        assert shown.lines[1] == ""
        assert shown.lines[4].endswith('<i class="s">&#34;&#34;&#34;Two</i>')
        assert shown.lines[5] == '<i class="s">    lines.&#34;&#34;&#34;</i>'
        assert 'x &lt; <i class="m">2</i>' in shown.lines[6]
        assert shown.note == ""

    def test_what_is_no_python_is_shown_all_the_same(self):
        assert highlighted("((( ' <\x00 \u202e").lines == ('((( <i class="s">&#39; &lt;\ufffd \ufffd</i>',)

    @pytest.mark.parametrize("piece", ["x", "(", "'", '"""', "f'{", "\\", "#", "0_", "a.", "<script>"])
    def test_a_line_of_100_kb_is_cut_and_the_note_says_so(self, piece):
        shown = highlighted(piece * (100_000 // len(piece)) + "\nlast = 1\n")
        assert len(shown.lines) == 2
        assert sum(map(len, shown.lines)) < 8000
        assert shown.note == "Left out here: the end of a long line; the file has them."

    def test_a_file_of_a_megabyte_is_cut(self):
        shown = highlighted("x = 1\n" * 160_000)
        assert len(shown.lines) == 25_000
        assert shown.note == "Left out here: the last 810000 characters; the file has them."

    def test_the_difference_of_two_files(self):
        found = difference("a\nb\nc\n", "a\nB\nc\n", "one.py", "two.py")
        assert found == [
            ("at", "@@ -1,3 +1,3 @@"),
            ("same", " a"),
            ("del", "-b"),
            ("add", "+B"),
            ("same", " c"),
        ]
        assert difference("same\n", "same\n", "one.py", "two.py") == []


def test_data_in_a_page_cannot_end_its_element():
    block = json_block({"name": "</script><!-- &\u2028"})
    assert block == '{"name":"\\u003c/script\\u003e\\u003c!-- \\u0026\\u2028"}'
    assert script("f", "a", {"b": "</script>"}) == 'f("a",{"b":"\\u003c/script\\u003e"});\n'
