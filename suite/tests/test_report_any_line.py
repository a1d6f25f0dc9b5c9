"""Records that anybody may have written: a line is refused with a reason, or what it says can be shown."""

import copy
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from suite.leaderboard import board
from suite.report.records import collect
from suite.report.views import device_view, page_data
from suite.result import ResultError, from_json, to_json
from suite.tables import board_tables, check_table, samples_table
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import problem
from suite.tests.test_result import TIMED

LINE = json.loads(to_json(TIMED))
NUMBERS = st.sampled_from((0, 1, -1, 0.5, -1e300, 1e300, 1e-320, 2**63, 10**400))
VALUES = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.text(max_size=3), st.sampled_from(("INFINITY", "\ud800"))
)
ANYTHING = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner))


def places(value, path=()):
    """Where something stands in a JSON value; of a list the first alone."""
    inside = (
        value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    )
    return [path] * bool(path) + [place for key, item in inside for place in places(item, (*path, key))]


@settings(deadline=None)  # the first one loads numpy
@given(path=st.sampled_from(places(LINE)), value=ANYTHING)
def test_a_result_with_any_value_anywhere_is_refused_or_shown(path, value):
    changed = copy.deepcopy(LINE)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    try:
        result = from_json(json.dumps(changed).replace('"INFINITY"', "1e999"))
    except ResultError:
        return
    assert from_json(to_json(result)) == result
    tables = [check_table([result]), samples_table([result])]
    tables += [table for _, table in board_tables(board([result], result.device, ["seed"]))]
    assert all(len(row) == len(table.headers) for table in tables for row in table.rows)
    pages = collect(problem(result.problem), [result], {result.device: [fake_roofs(device=result.device)]})
    json.dumps([page_data(device_view(pages, device, ())) for device in pages.devices], allow_nan=False)
