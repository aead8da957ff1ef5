"""What data can be named, and what of it is on this machine."""

import os
from typing import NamedTuple

from jaxgan.data import tfds
from jaxgan.study.catalogue import DATA


class Entry(NamedTuple):
    """A data set that `--data` takes."""

    name: str
    about: str


def listing() -> list[Entry]:
    """What can be named now: what is built in, and the TFDS data sets prepared on this machine."""
    where = os.environ.get("TFDS_DATA_DIR") or "the default TFDS folder"
    entries = [Entry(name, about) for name, about in DATA.items()]
    entries += [Entry(f"tfds:{name}", f"prepared in {where}") for name in tfds.prepared()]
    return [
        *entries,
        Entry("tfds:NAME", "any other image data set of tensorflow-datasets: jaxgan datasets prepare NAME"),
        Entry("FILE.npz, FILE.npy", "images [n, h, w] or [n, h, w, c] as `x`, labels [n] as `y`"),
        Entry("FOLDER", "pictures; subfolders become labels"),
    ]
