"""Divide the runs of a study into blocks; each block is trained to its end before the next one."""

from collections.abc import Sequence

import jax

from jaxgan.study.block import Block
from jaxgan.study.build import Program, Study
from jaxgan.study.config import seed_numbers
from jaxgan.study.needs import WAVE, bytes_of


def blocks_for(study: Study, old: Sequence[Block] = ()) -> tuple[Block, ...]:
    """Return blocks that cover every run of the study, keeping existing blocks unchanged.

    Configurations of a program that lack the same seeds share blocks of about `WAVE` bytes, of equal size if possible,
    so that one compiled program serves them all.
    """
    found = []
    for program in study.programs.values():
        own = [block for block in old if block.program == program.name]
        found += own
        for first, labels in _missing(study, program, own).items():
            last = seed_numbers(study.config)[-1]
            wave = 1 + max((b.wave for b in own if (b.first, b.last) == (first, last)), default=-1)
            sizes = _waves(program, labels, last + 1 - first)
            found += [Block(program.name, part, first, last, wave + i) for i, part in enumerate(sizes)]
    return tuple(found)


def _missing(study: Study, program: Program, own: Sequence[Block]) -> dict[int, list[str]]:
    """Return the labels that lack seeds, grouped by their first missing seed."""
    seeds, found = seed_numbers(study.config), dict[int, list[str]]()
    for label in program.labels:
        covered = [block.last for block in own if label in block.configurations]
        if (first := max(covered, default=seeds[0] - 1) + 1) <= seeds[-1]:
            found.setdefault(first, []).append(label)
    return found


def _waves(program: Program, labels: Sequence[str], seeds: int) -> list[tuple[str, ...]]:
    assert program.step is not None  # traced when the study was built
    size = max(1, WAVE // max(1, bytes_of(program.step.state) * seeds))
    least = -(-len(labels) // size)
    even = next((n for n in range(least, 2 * least + 1) if len(labels) % n == 0), least)
    size = -(-len(labels) // even)
    return [tuple(labels[i : i + size]) for i in range(0, len(labels), size)]


def keys_of(study: Study, block: Block) -> jax.Array:
    """Return the keys of a block's seeds."""
    first = study.config.first_seed
    return study.keys[block.first - first : block.last + 1 - first]
