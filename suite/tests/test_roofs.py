import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from suite import cli, roofs
from suite.calibration import PROBES, CalibrationError, calibrate
from suite.cli import machine_verbs
from suite.leaderboard import board
from suite.machine import board_of, gpu_states
from suite.roofs import RoofsError, from_json, newest, read, to_json
from suite.tables import board_tables, roofs_table
from suite.tests.fake_results import fake_result, on_board
from suite.tests.fake_roofs import FLOPS, GB, fake_roofs, probe

H200 = "nvidia-h200"
ONE, OTHER = "a" * 8, "b" * 8


def changed(**values):
    """The JSON line of the fake roofs with keys set, or removed where the value is `...`."""
    record = json.loads(to_json(fake_roofs())) | values
    return json.dumps({key: value for key, value in record.items() if value is not ...})


class TestRecord:
    def test_rates_are_of_the_median_sample(self):
        measured = probe(8 * GB)
        assert (measured.gb_per_s, probe(FLOPS, 20.0).tflops) == (pytest.approx(8000), pytest.approx(50))
        assert measured.relative_ci == (1.0, 1.0)
        record = fake_roofs()
        assert record.read_gb_per_s == pytest.approx(4500)
        assert record.write_gb_per_s == pytest.approx(4600)
        assert record.copy_gb_per_s == pytest.approx(4300)
        rates = (record.fp32_tflops, record.tf32_tflops, record.bf16_tflops, record.fp16_tflops)
        assert rates == pytest.approx((50, 400, 800, 750))

    def test_a_class_without_units_has_no_rate(self):
        record = fake_roofs(tf32=None, bf16=None, fp16=None)
        assert (record.tf32_tflops, record.bf16_tflops, record.fp16_tflops) == (None, None, None)

    def test_the_interval_of_a_rate_holds_its_median(self):
        samples = tuple(1 + 0.001 * (index % 7) for index in range(30))
        low, high = roofs.Probe(GB, samples, None, 0, False, "a call").relative_ci
        assert 0.99 < low <= 1 <= high < 1.01

    @pytest.mark.parametrize(
        ("bytes_moved", "flops", "precision", "roof_ms"),
        [
            (9 * GB, 0, None, 2.0),
            (9 * GB, 0, "fp32", 2.0),
            (9 * GB, FLOPS, "fp32", 20.0),
            (9 * GB, FLOPS, "tf32", 2.5),
            (9 * GB, FLOPS, "bf16", 2.0),
            (9 * GB, FLOPS, "fp8", None),
        ],
    )
    def test_the_tighter_roof_counts(self, bytes_moved, flops, precision, roof_ms):
        found = fake_roofs().roof_ms(bytes_moved, flops, precision)
        assert found == (None if roof_ms is None else pytest.approx(roof_ms))

    def test_flops_of_a_class_without_units_have_no_roof(self):
        assert fake_roofs(tf32=None).roof_ms(GB, FLOPS, "tf32") is None

    @pytest.mark.parametrize("samples", [(), (1.0, 0.0), (-1.0,)])
    def test_samples_are_positive_and_there_are_some(self, samples):
        with pytest.raises(RoofsError, match=r"^samples_ms must be positive and at least one, got "):
            roofs.Probe(GB, samples, None, 0, False, "a call")
        with pytest.raises(RoofsError, match=r"^work must be positive, got 0$"):
            probe(0)


class TestJson:
    @pytest.mark.parametrize("record", [fake_roofs(), fake_roofs(tf32=None, driver=None, board=ONE)])
    def test_round_trip(self, record):
        line = to_json(record)
        assert line.startswith('{"schema": 1, "device": "nvidia-h200"')
        assert "\n" not in line
        assert from_json(line) == record

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("{", "^not JSON: "),
            ("[]", "^expected a JSON object, found a list$"),
            ("{}", "^expected schema 1, found null$"),
            (changed(schema=2), "^expected schema 1, found 2$"),
            (changed(gpu=...), "^key 'gpu' is missing$"),
            (changed(l2=60), "^unknown key 'l2'$"),
            (changed(board="GPU-1"), "^board: expected 8 hexadecimal digits, found 'GPU-1'$"),
            (changed(created="now"), "^created: expected UTC in ISO 8601, found 'now'$"),
            (changed(read=None), "^read: expected a JSON object, found null$"),
            (changed(read=[1]), "^read: expected a JSON object, found a list$"),
            (changed(read={"work": 1}), "^read: key 'samples_ms' is missing$"),
            (to_json(fake_roofs()).replace("2.0", "NaN", 1), "^not JSON: NaN$"),
            (
                to_json(fake_roofs()).replace("[2.0,", '["2",', 1),
                "^read.samples_ms: expected a number, found '2'$",
            ),
        ],
    )
    def test_what_is_no_record_is_refused(self, line, message):
        with pytest.raises(RoofsError, match=message):
            from_json(line)

    def test_a_record_older_than_boards_names_none(self):
        assert from_json(changed(board=...)).board is None


class TestFile:
    def test_the_newest_record_of_a_card_counts(self, tmp_path):
        days = [fake_roofs(created=f"2026-01-0{day}T00:00:00+00:00", driver=f"d{day}") for day in (1, 3, 2)]
        for record in days:
            path = roofs.append(tmp_path / "roofs", record)
        assert path == tmp_path / "roofs" / "nvidia-h200.jsonl"
        assert read(tmp_path / "roofs", H200) == (days, [])
        assert newest(days, None).driver == "d3"

    def test_of_two_in_one_second_the_later_line_is_newer(self, tmp_path):
        for driver in ("first", "second"):
            roofs.append(tmp_path, fake_roofs(driver=driver))
        assert newest(read(tmp_path, H200)[0], None).driver == "second"

    def test_cards_stand_apart_and_most_have_none(self, tmp_path):
        roofs.append(tmp_path, fake_roofs(device="nvidia-l4"))
        assert newest(read(tmp_path, H200)[0], None) is None
        assert read(tmp_path / "missing", "cpu") == ([], [])
        assert newest(read(tmp_path, "nvidia-l4")[0], None).device == "nvidia-l4"

    def test_lines_that_are_no_record_are_skipped_with_a_warning(self, tmp_path):
        path = roofs.append(tmp_path, fake_roofs())
        with path.open("a") as file:
            file.write(f"torn\n\n{to_json(fake_roofs(device='nvidia-l4'))}\n")
        records, warnings = read(tmp_path, H200)
        assert records == [fake_roofs()]
        assert warnings[0].startswith(f"{path}:2: skipped, not JSON: ")
        assert warnings[1] == f"{path}:4: skipped, roofs of nvidia-l4 do not belong in this file"

    def test_a_name_that_leads_elsewhere_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"^device must be a plain file name"):
            roofs.append(tmp_path, fake_roofs(device="../x"))
        with pytest.raises(ValueError, match=r"^device must be a plain file name"):
            read(tmp_path, "../x")


class TestBoard:
    def test_a_row_stands_against_the_measured_roof(self):
        # 9.6 GB take 2.1333 ms at the 4500 GB/s that were measured.
        standing = board([fake_result(latency_ms=2.5)], H200, ("seed",), [fake_roofs()])
        (row,) = standing.rows
        assert row.fraction_of_measured_roof == pytest.approx(9.6 / 4.5 / 2.5)
        assert row.cells[0].fraction_of_measured_roof == row.fraction_of_measured_roof
        assert row.fraction_of_peak == pytest.approx(0.8)
        assert standing.roofs == fake_roofs()

    def test_the_mean_over_workloads_is_geometric(self):
        results = [fake_result(latency_ms=2.5), fake_result(workload="last_dim", latency_ms=10.0)]
        (row,) = board(results, H200, ("seed", "last_dim"), [fake_roofs()]).rows
        assert row.fraction_of_measured_roof == pytest.approx(9.6 / 4.5 / 5.0)

    def test_a_product_is_held_against_the_rate_of_its_class(self):
        fields = {"bytes_moved": GB, "flops": FLOPS}
        results = [
            fake_result("exact", latency_ms=25.0, precision="fp32", **fields),
            fake_result("fast", latency_ms=5.0, precision="tf32", **fields),
        ]
        rows = board(results, H200, ("seed",), [fake_roofs()]).rows
        assert [row.fraction_of_measured_roof for row in rows] == pytest.approx([0.8, 0.5])
        rows = board(results, H200, ("seed",), [fake_roofs(tf32=None)]).rows
        assert [row.fraction_of_measured_roof for row in rows] == [pytest.approx(0.8), None]

    def test_without_roofs_or_bytes_there_is_no_fraction(self):
        (row,) = board([fake_result()], H200, ("seed",)).rows
        assert row.fraction_of_measured_roof is None
        (row,) = board([fake_result(bytes_moved=None)], H200, ("seed",), [fake_roofs()]).rows
        assert row.fraction_of_measured_roof is None

    @pytest.mark.parametrize("other", [{"device": "nvidia-l4"}, {"sm_count": 16}])
    def test_the_roofs_of_another_card_or_slice_are_left_aside(self, other):
        standing = board([fake_result()], H200, ("seed",), [fake_roofs(**other)])
        assert standing.roofs is None
        assert standing.rows[0].fraction_of_measured_roof is None

    def test_a_card_without_a_datasheet_has_its_own_roof(self):
        card = {"gpu": "NVIDIA L40", "sm_count": 142}
        own = fake_roofs(device="nvidia-l40", gpu="NVIDIA L40", sm_count=142)
        (row,) = board([fake_result(latency_ms=2.5, **card)], "nvidia-l40", ("seed",), [own]).rows
        assert (row.fraction_of_peak, row.fraction_of_measured_roof) == (None, pytest.approx(9.6 / 4.5 / 2.5))

    def test_it_is_a_column_of_the_terminal_table(self):
        standing = board([fake_result(latency_ms=2.5)], H200, ("seed",), [fake_roofs()])
        ((_, table),) = board_tables(standing)
        assert table.rows[0][table.headers.index("of measured roof")] == "85.3%"
        ((_, table),) = board_tables(board([fake_result(latency_ms=2.5)], H200, ("seed",)))
        assert "of measured roof" not in table.headers

    def test_each_result_stands_against_the_roof_of_its_own_board(self):
        """9.6 GB take 2.1333 ms at 4500 GB/s, 2 ms at 4800; the third board has the newest of the model."""
        measured = [
            fake_roofs(board=ONE, created="2026-01-01T00:00:00+00:00"),
            fake_roofs(board=OTHER, created="2026-01-02T00:00:00+00:00", read=probe(int(9.6 * GB), 2.0)),
        ]
        results = [
            fake_result(name, latency_ms=2.5, environment=on_board(name)) for name in (ONE, OTHER, "c" * 8)
        ]
        standing = board(results, H200, ("seed",), measured)
        assert {row.solution: row.fraction_of_measured_roof for row in standing.rows} == {
            ONE: pytest.approx(9.6 / 4.5 / 2.5),
            OTHER: pytest.approx(0.8),
            "c" * 8: pytest.approx(0.8),
        }
        (alone,) = board([fake_result(latency_ms=2.5)], H200, ("seed",), measured).rows
        assert alone.fraction_of_measured_roof == pytest.approx(0.8)

    def test_a_roof_of_another_board_is_named(self):
        results = [fake_result(environment=on_board(ONE))]
        standing = board(results, H200, ("seed",), [fake_roofs(board=OTHER)])
        assert standing.notes == (
            f"The measured roof is of another board of this card ({OTHER}); "
            "`bench calibrate` measures that of this one.",
        )
        assert board(results, H200, ("seed",), [fake_roofs(board=ONE)]).notes == ()
        assert board(results, H200, ("seed",), [fake_roofs()]).notes == ()


class TestTable:
    def test_measured_beside_the_datasheet(self):
        table = roofs_table(fake_roofs(bf16=probe(FLOPS, 1.25, unstable=True)))
        assert table.headers == (
            "roof", "measured", "+-", "unit", "datasheet", "fraction", "SM MHz", "samples", "how",
        )  # fmt: skip
        assert table.rows[0] == (
            "read", "4500", "0.00%", "GB/s", "4800", "93.8%", "1980", "3", "a call",
        )  # fmt: skip
        assert table.rows[3][:6] == ("fp32", "50.0", "0.00%", "TFLOPS", "67.0", "74.6%")
        assert table.rows[5][-1] == "a call, unstable"

    def test_an_unknown_card_has_no_datasheet(self):
        table = roofs_table(fake_roofs(gpu="NVIDIA L40", sm_count=142, tf32=None))
        assert "datasheet" not in table.headers
        assert "fraction" not in table.headers
        assert table.rows[4][:2] == ("tf32", "no units for it")


def says(*lines, code=0):
    """A command that prints lines as the probes would, and one on standard error."""
    program = (
        f"import sys; print({os.linesep.join(lines)!r}); print('why', file=sys.stderr); sys.exit({code})"
    )
    return [sys.executable, "-c", program]


class TestCalibrate:
    def test_hears_progress_and_gives_the_roofs(self):
        heard = []
        lines = (
            json.dumps({"event": "progress", "text": "read: 4500 GB/s"}),
            json.dumps({"event": "roofs", "roofs": json.loads(to_json(fake_roofs()))}),
        )
        assert calibrate(heard.append, says(*lines)) == fake_roofs()
        assert heard == ["read: 4500 GB/s"]

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            (says('{"event": "progress", "text": "x"}', code=1), "^the probes failed: why$"),
            (says('{"event": "progress", "text": "x"}'), "^the probes failed: why$"),
            (says('{"event": "roofs", "roofs": {}}'), "^the probes gave no roofs: expected schema 1"),
            ([sys.executable, "-c", "raise SystemExit(3)"], "^the probes failed: exit code 3$"),
        ],
    )
    def test_probes_that_fail(self, command, message):
        with pytest.raises(CalibrationError, match=message):
            calibrate(lambda _text: None, command)

    def test_a_file_in_the_working_directory_stands_in_for_no_module(self, monkeypatch, tmp_path):
        (tmp_path / "random.py").write_text("raise SystemExit('the wrong one')")
        monkeypatch.chdir(tmp_path)
        interpreter = PROBES[: PROBES.index("-m")]
        with pytest.raises(CalibrationError, match=r"^the probes failed: the right one$"):
            calibrate(lambda _text: None, [*interpreter, "-c", "import random; exit('the right one')"])

    def test_without_a_gpu_one_line_and_exit_code_2(self, monkeypatch):
        monkeypatch.setattr(machine_verbs, "has_gpu", lambda: False)
        outcome = CliRunner().invoke(cli.main, ["calibrate"])
        assert outcome.exit_code == 2
        assert outcome.output == (
            "calibrate needs an NVIDIA GPU and its driver; none answers here (see `bench doctor`)\n"
        )

    @pytest.mark.parametrize("option", [[], ["--json"]])
    def test_records_and_shows(self, monkeypatch, tiny_root, option):
        monkeypatch.chdir(tiny_root)
        monkeypatch.setattr(machine_verbs, "has_gpu", lambda: True)
        monkeypatch.setattr(machine_verbs, "calibrate", lambda _note: fake_roofs(board=ONE))
        outcome = CliRunner().invoke(cli.main, ["calibrate", *option])
        assert outcome.exit_code == 0
        assert outcome.stderr == "recorded: reports/roofs/nvidia-h200.jsonl\n"
        assert read(tiny_root / "reports" / "roofs", H200) == ([fake_roofs(board=ONE)], [])
        if option:
            assert from_json(outcome.stdout) == fake_roofs(board=ONE)
        else:
            assert "NVIDIA H200, board aaaaaaaa, driver 580.95.05" in outcome.stdout
            assert "93.8%" in outcome.stdout


def test_the_probe_kernels_touch_every_element():
    """In Triton's interpreter, which must be chosen before triton is imported."""
    program = """
import torch
from suite.judge.probe_kernels import Config, read_all, write_all
x, config = torch.randn(8 * 512), Config(256, 2, 4)
sums = torch.zeros(8)
read_all(x, sums, config)
assert torch.allclose(sums, x.view(8, -1).sum(1), atol=1e-3), sums
write_all(x, 1, config)
assert x.unique().numel() == x.numel()
"""
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"TRITON_INTERPRET": "1"}, check=True)


@pytest.mark.gpu
def test_the_roofs_of_this_card():
    measured = calibrate(lambda _text: None)
    assert measured.board in {board_of(state.uuid) for state in gpu_states()}
    assert measured.read_gb_per_s > 0
    assert measured.fp32_tflops > 0
    if measured.gpu == "NVIDIA H200":
        assert measured.read_gb_per_s >= 4500
        assert measured.copy_gb_per_s < measured.read_gb_per_s < 4814  # what the memory's own clock allows
        assert measured.bf16_tflops > measured.tf32_tflops > measured.fp32_tflops
