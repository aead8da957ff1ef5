"""The study file that `jaxgan study --init` writes: it says what there is, and runs as it is."""

from pathlib import Path

TEMPLATE = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
