"""Each datasheet figure is recomputed from SMs x rate x clock; the expected ones stand here, written out."""

import pytest

from suite.gpus import GPUS, RTX_4090, by_slug, find_gpu, slugify, with_less_memory

# slug: fp32, tf32, 16-bit (float32 accumulate), fp8, bandwidth; SMs x flops a clock x clock, by hand.
EXPECTED = {
    "rtx-4090": (82.58, 82.58, 165.15, 330.30, 1008.0),
    "rtx-3090": (35.58, 35.58, 71.16, None, 936.0),
    "rtx-5090": (104.75, 104.75, 209.51, 419.01, 1792.0),
    "a100-sxm-40gb": (19.49, 155.93, 311.87, None, 1555.2),
    "a100-sxm-80gb": (19.49, 155.93, 311.87, None, 2039.0),
    "a100-pcie-80gb": (19.49, 155.93, 311.87, None, 1935.4),
    "h100-sxm": (66.91, 494.72, 989.43, 1978.86, 3352.3),
    "h100-pcie": (51.22, 378.22, 756.45, 1512.90, 2039.0),
    "h200": (66.91, 494.72, 989.43, 1978.86, 4814.3),
    "b200": (75.02, 1127.55, 2255.10, 4510.19, None),
    "l40s": (91.61, 183.21, 366.43, 732.86, 864.0),
    "l4": (30.29, 60.58, 121.16, 242.32, 300.0),
    "a10": (31.24, 62.48, 124.96, None, 600.0),
}
DATASHEET_ROUNDING = 0.015


def test_the_reference_card_comes_first():
    assert GPUS[0] is RTX_4090
    assert [gpu.slug for gpu in GPUS] == list(EXPECTED)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.slug)
def test_rates_are_sms_times_flops_a_clock_times_clock(gpu):
    fp32, tf32, sixteen_bit, fp8, _ = EXPECTED[gpu.slug]

    def tflops(rate, clock_mhz):
        return gpu.sm_count * rate * clock_mhz / 1e6

    assert tflops(gpu.fp32_rate, gpu.boost_clock_mhz) == pytest.approx(fp32, abs=0.01)
    assert tflops(gpu.tf32_rate, gpu.tensor_clock_mhz) == pytest.approx(tf32, abs=0.01)
    assert tflops(gpu.fp16_rate, gpu.tensor_clock_mhz) == pytest.approx(sixteen_bit, abs=0.01)
    assert gpu.fp32_tflops == pytest.approx(fp32, rel=DATASHEET_ROUNDING)
    assert gpu.tf32_tflops == pytest.approx(tf32, rel=DATASHEET_ROUNDING)
    assert gpu.fp16_tflops == gpu.bf16_tflops == pytest.approx(sixteen_bit, rel=DATASHEET_ROUNDING)
    if fp8 is None:
        assert gpu.fp8_rate is None
        assert gpu.fp8_tflops is None
    else:
        assert tflops(gpu.fp8_rate, gpu.tensor_clock_mhz) == pytest.approx(fp8, abs=0.01)
        assert gpu.fp8_tflops == pytest.approx(fp8, rel=DATASHEET_ROUNDING)


@pytest.mark.parametrize("gpu", [gpu for gpu in GPUS if gpu.slug != "b200"], ids=lambda gpu: gpu.slug)
def test_bandwidth_is_bus_width_times_transfers(gpu):
    computed = gpu.memory_bus_bits / 8 * gpu.memory_gt_per_s
    assert computed == pytest.approx(EXPECTED[gpu.slug][-1], abs=0.1)
    assert gpu.peak_gb_per_s == pytest.approx(computed, rel=DATASHEET_ROUNDING)


@pytest.mark.parametrize(
    ("need_gb", "slugs"),
    [
        (24, []),
        (24.1, ["rtx-4090", "rtx-3090", "l4", "a10"]),
        (81, [gpu.slug for gpu in GPUS if gpu.slug not in ("h200", "b200")]),
        (200, list(EXPECTED)),
    ],
)
def test_cards_that_are_too_small(need_gb, slugs):
    assert [gpu.slug for gpu in with_less_memory(int(need_gb * 1e9))] == slugs


def test_b200_publishes_bandwidth_alone():
    b200 = by_slug("b200")
    assert (b200.peak_gb_per_s, b200.memory_bus_bits, b200.memory_gt_per_s) == (8000, None, None)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.slug)
def test_geforce_halves_the_tensor_rate_where_data_center_cards_do_not(gpu):
    full_rate_of_chip = {(8, 6): 1024, (8, 9): 1024, (8, 0): 2048, (9, 0): 4096, (10, 0): 8192, (12, 0): 1024}
    full = full_rate_of_chip[gpu.compute_capability]
    assert gpu.fp16_rate == (full // 2 if "GeForce" in gpu.name else full)


def test_limits_of_one_sm_follow_the_compute_capability():
    limits = {
        gpu.compute_capability: (
            gpu.smem_per_sm_kb,
            gpu.smem_per_block_kb,
            gpu.warps_per_sm,
            gpu.blocks_per_sm,
        )
        for gpu in GPUS
    }
    assert limits == {
        (8, 0): (164, 163, 64, 32),
        (8, 6): (100, 99, 48, 16),
        (8, 9): (100, 99, 48, 24),
        (9, 0): (228, 227, 64, 32),
        (10, 0): (228, 227, 64, 32),
        (12, 0): (100, 99, 48, 24),
    }
    assert {(gpu.registers_per_sm, gpu.registers_per_thread) for gpu in GPUS} == {(65536, 255)}


def test_every_card_names_its_source_and_has_its_own_names():
    assert all(gpu.source.startswith("NVIDIA ") for gpu in GPUS)
    names = [name for gpu in GPUS for name in gpu.names]
    assert len(names) == len(set(names))
    assert len({gpu.slug for gpu in GPUS}) == len(GPUS)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("GeForce RTX 3090", "rtx-3090"),
        ("NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H200", "h200"),
    ],
)
def test_finds_the_exact_card(name, slug):
    assert find_gpu(name).slug == slug


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 3090 Ti",
        "NVIDIA H100 NVL",
        "NVIDIA H200 NVL",
        "NVIDIA GH200 480GB",
        "NVIDIA A10G",
        "NVIDIA L40",
        "nvidia h200",
        "H100",
        "",
    ],
)
def test_a_relative_of_a_known_card_is_not_that_card(name):
    assert find_gpu(name) is None


def test_a_slice_of_a_known_card_is_not_that_card():
    assert find_gpu("NVIDIA H200", sm_count=132) is by_slug("h200")
    assert find_gpu("NVIDIA H200", sm_count=16) is None


@pytest.mark.parametrize("slug", ["h200", "nvidia-h200"])
def test_by_slug_takes_the_short_slug_and_the_results_folder(slug):
    assert by_slug(slug).name == "NVIDIA H200 SXM"


def test_by_slug_of_an_unknown_card_is_none():
    assert by_slug("rtx-4090-d") is None
    assert by_slug("cpu") is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("NVIDIA H200", "nvidia-h200"),
        ("NVIDIA GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
        ("NVIDIA A100-SXM4-80GB", "nvidia-a100-sxm4-80gb"),
        ("NVIDIA H200 MIG 1g.18gb", "nvidia-h200-mig-1g-18gb"),
        ("../AMD/Instinct (MI300X)", "amd-instinct-mi300x"),
    ],
)
def test_slugify_makes_a_folder_name_of_any_card(name, slug):
    assert slugify(name) == slug


def test_slugify_refuses_a_name_without_letters():
    with pytest.raises(ValueError, match=r"^no slug in '---': expected at least one letter or digit$"):
        slugify("---")


def test_specs_are_frozen():
    with pytest.raises(AttributeError):
        RTX_4090.peak_gb_per_s = 2000
    assert not hasattr(RTX_4090, "__dict__")
