"""The study file that `jaxgan study --init` writes: it documents all tables, and can be run unchanged."""

from pathlib import Path

TEMPLATE = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
