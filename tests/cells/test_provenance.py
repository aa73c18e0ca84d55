"""What a result says of the machine that it was made on."""

import pytest

from pipeline.cells import provenance

AMD, XEON = "AMD EPYC", "Intel(R) Xeon(R) Processor"


@pytest.mark.parametrize(
    ("name", "flags", "told"),
    [
        (AMD, "fpu sse2 avx avx2 fma", f"{AMD} (AVX2)"),
        (XEON, "fpu avx2 avx512f avx512bw", f"{XEON} (AVX2, AVX-512)"),
        (XEON, "fpu avx2 avx512f avx_vnni avx512_vnni", f"{XEON} (AVX2, AVX-512, VNNI)"),
        (AMD, "fpu sse2", AMD),
    ],
)
def test_a_processor_is_named_with_the_instructions_that_decide_scores(name: str, flags: str, told: str) -> None:
    one = f"processor\t: 0\nmodel name\t: {name}\nstepping\t: 1\nflags\t\t: {flags}\n"
    assert provenance.described(f"{one}\n{one}") == told


def test_costs_have_the_processor_and_the_threads() -> None:
    assert provenance.surroundings(1)["hardware"] == f"{provenance.processor()}, 1 thread"
