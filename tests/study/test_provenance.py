"""What a result says of the machine that made it."""

import platform

from jaxgan.study.provenance import named_processor


def _core(name: str, family: int, model: int, flags: str) -> str:
    return f"processor\t: 0\nmodel name\t: {name}\ncpu family\t: {family}\nmodel\t\t: {model}\nflags\t\t: {flags}\n\n"


def test_generations_of_one_name_are_told_apart() -> None:
    milan = named_processor(_core("AMD EPYC", 25, 1, "fpu avx avx2"))
    genoa = named_processor(_core("AMD EPYC", 25, 17, "fpu avx avx2 avx512f"))
    assert milan == "AMD EPYC (family 25, model 1, AVX2)"
    assert genoa == "AMD EPYC (family 25, model 17, AVX-512)"


def test_only_the_first_core_is_asked() -> None:
    both = _core("one", 6, 1, "avx") + _core("another", 6, 2, "avx512f")
    assert named_processor(both) == "one (family 6, model 1, AVX)"


def test_arm_has_no_name_but_its_vectors() -> None:
    assert named_processor("processor : 0\nFeatures : fp asimd sve\n\n") == f"{platform.machine()} (SVE)"


def test_a_file_without_what_is_asked_gives_the_architecture() -> None:
    assert named_processor("processor : 0\n") == platform.machine()
