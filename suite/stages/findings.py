"""What is known of a solution, in sentences: what binds the task, what the compiler made of each launch."""

from __future__ import annotations

from suite import roofline
from suite.analysis.inspection import LaunchReport
from suite.analysis.tables import advice
from suite.counters import DRAM, SM
from suite.gpus import GpuSpec
from suite.stages.evidence import Evidence, where
from suite.stages.stage import BINDING_GOAL_PERCENT
from suite.stages.tables import seed_result


def binding(evidence: Evidence, gpu: GpuSpec) -> list[str]:
    """Which resource binds on `gpu`, its speed of light, and how far away what was measured there is."""
    work = evidence.inspection.work
    if work is None:
        return ["The task's bytes and operations are not known."]
    precision = evidence.precision if work.flops else None
    flops = work.flops if precision is not None else 0  # of an exact task no rate binds: it has no class
    moved_ms = roofline.memory_ms(work.bytes_moved, gpu)
    computed_ms = roofline.compute_ms(flops, gpu, precision)
    light_ms = max(moved_ms, computed_ms)
    bound = roofline.bound(work.bytes_moved, flops, gpu, precision)
    sentences = [
        f"The task reads and writes at least {work.bytes_moved / 1e9:.3f} GB: {moved_ms:.3f} ms at "
        f"{gpu.peak_gb_per_s:g} GB/s."
    ]
    if precision is not None:
        sentences.append(
            f"It computes {flops / 1e9:.1f} GFLOP: {computed_ms:.3f} ms at "
            f"{roofline.peak_tflops(gpu, precision):g} TFLOPS of {precision}."
        )
    metric = DRAM if bound == "memory" else SM
    sentences.append(
        f"So {'memory' if bound == 'memory' else 'arithmetic'} binds; the speed of light: {light_ms:.3f} ms. "
        f"What counts is {metric} over {BINDING_GOAL_PERCENT:g} %, whatever the other one says."
    )
    result = seed_result(evidence)
    if result is not None and result.latency_ms is not None and evidence.measured_on == gpu:
        fraction = light_ms / result.latency_ms
        sentences.append(f"Measured here: {result.latency_ms:.4f} ms, {fraction:.1%} of the speed of light.")
    return sentences


def compiled(evidence: Evidence) -> list[str]:
    """A sentence a launch, then what stands out."""
    inspection = evidence.inspection
    if inspection.failure is not None:
        return [f"The launches could not be followed: {inspection.failure}."]
    found = [_launch(report, inspection.configurations(report)) for report in evidence.launches]
    launches = inspection.launches
    if launches is not None:
        others = ", ".join(f"{count} {name}" for name, count in launches.torch_operations.items())
        found.append(
            f"{inspection.n_launches} launch(es) a call, "
            f"{launches.intermediate_bytes / 1e6:.1f} MB of intermediates, "
            f"operations of torch: {others or 'none'}."
        )
    return found + [f"{text}." for text in advice(inspection)]


def _launch(report: LaunchReport, tried: int) -> str:
    built, launch = report.built, report.launch
    grid = " x ".join(map(str, launch.grid[: launch.rank]))
    times = f"{report.times} times " if report.times > 1 else ""
    constants = ", ".join(f"{name}={value}" for name, value in launch.constants.items())
    head = f"{where(report)}: {times}grid {grid} ({constants}, {launch.options.num_warps} warps, "
    head += f"{launch.options.num_stages} stages)"
    if tried:
        head += f", the first of {tried} configurations, of which a card keeps the fastest"
    if built is None:
        return f"{head}: {'; '.join(report.problems)}."
    parts = [
        f"{built.registers} registers",
        f"{built.spill_bytes} bytes spilled",
        f"{built.smem_bytes} bytes of shared memory",
    ]
    if report.occupancy is not None:
        limits = " and ".join(report.occupancy.limits)
        parts.append(f"occupancy {report.occupancy.fraction:.0%}, limited by {limits}")
    if report.waves is not None:
        parts.append(f"{report.waves.count:.2f} waves, the last {report.waves.tail:.0%} full")
    if built.sass.tensor_cores:
        parts.append(f"tensor cores: {', '.join(built.sass.tensor_cores)}")
    parts += report.problems
    return f"{head}: {', '.join(parts)}."
