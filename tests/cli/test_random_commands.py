"""Command lines drawn at random: what is wrong is refused in a line, and nothing is written."""

from pathlib import Path

import pytest

from jaxgan.cli.app import main
from tests.cli.random_commands import COMMANDS, commands, make_files


@pytest.mark.parametrize("seed", range(6))
def test_bad_commands_are_refused_in_a_line_and_nothing_is_written(seed, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)

    def listed() -> set[Path]:
        return {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}

    before = listed()
    for command in commands(seed, 10):
        status = main(list(command.words))
        output = capsys.readouterr()
        assert (status, output.out, output.err.count("\n")) == (2, "", 1), (command.words, status, output)
        assert output.err.startswith("jaxgan: ") and len(output.err) < 1600, command.words
        assert listed() == before, command.words


def test_every_option_is_drawn():
    drawn = {word for command in commands(0, 2000) for word in command.words}
    assert {option for options in COMMANDS.values() for option in options} <= drawn


def test_the_same_seed_draws_the_same():
    assert commands(3, 20) == commands(3, 30)[:20] != commands(4, 20)
    assert any(not command.bad for command in commands(0, 20, bad_share=0.5))
