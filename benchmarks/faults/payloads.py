"""Malicious inputs that try to run code, to write elsewhere, or to fill the memory; none of them may succeed."""

import io
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.inputs import SIZES
from benchmarks.faults.planning import came, fits, with_little_memory
from benchmarks.faults.trial import Bench, Trial, scaled

_SCRIPT = "<script>document.title='CANARY'</script>"


class _Pickled:
    """An object that runs a command when it is unpickled."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return one trial for each payload."""
    names = list(PAYLOADS)
    count = scaled(len(names), scale)
    return [Trial("payloads", i, "each once", {"what": name}) for i, name in enumerate(names[:count])]


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Run one command, which may train; a file named canary shows that code was run or a file written elsewhere."""
    inside = folder / "a" / "b" / "inside"
    inside.mkdir(parents=True)
    words = PAYLOADS[trial.given["what"]](inside, folder / "canary", bench)
    ended = process.run(words, folder / "said", with_little_memory, cwd=inside)
    found = [path for path in (folder, *folder.parents) if (path / "canary").exists()] + list(folder.rglob("canary*"))
    active = [path.name for path in folder.rglob("*.html") if _SCRIPT in path.read_text("utf-8")]
    right = fits(ended) and not found and not active
    what = came(ended) if right else f"{ended.said}; run or written: {[*map(str, found), *active]}"
    return right, f"nothing run, {what}" if right else what


def _train(*words: str) -> list[str]:
    return ["train", *words, *SIZES, "--out", "run"]


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)


def _pickled_npy(inside: Path, canary: Path, bench: Bench) -> list[str]:
    np.save(inside / "x.npy", np.array([_Pickled(f"touch {canary}")], object), allow_pickle=True)
    return _train("--data", "x.npy")


def _pickled_npz(inside: Path, canary: Path, bench: Bench) -> list[str]:
    np.savez(inside / "x.npz", x=np.array([_Pickled(f"touch {canary}")], object))
    return _train("--data", "x.npz")


def _pickled_labels(inside: Path, canary: Path, bench: Bench) -> list[str]:
    np.savez(inside / "x.npz", x=_images(), y=np.array([_Pickled(f"touch {canary}")] * 60, object))
    return _train("--data", "x.npz")


def _bare_pickle(inside: Path, canary: Path, bench: Bench) -> list[str]:
    import pickle

    (inside / "x.npz").write_bytes(pickle.dumps(_Pickled(f"touch {canary}")))
    return _train("--data", "x.npz")


def _setting(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _train("--data", "ring", "--set", f"lr_d=__import__('os').system('touch {canary}')")


def _terms(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _train("--data", "ring", "--set", f"d_terms=(__import__('os').system('touch {canary}'),)")


def _loss_name(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _train("--data", "ring", "--loss", f"$(touch {canary}); `touch {canary}` || __import__('os')")


def _data_name(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _train("--data", f"tfds:$(touch {canary})/../../canary")


def _labels(text: str, inside: Path) -> list[str]:
    y = np.array([text, "other"] * 30)
    np.savez(inside / "x.npz", x=_images(), y=y)
    return _train("--data", "x.npz")


def _html(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _labels(_SCRIPT, inside)


def _template(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _labels(f"{{{{ ''.__class__.__mro__[1] }}}}{{% include '{canary}' %}}", inside)


def _traversal(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return _labels("../../../canary", inside)


def _member(inside: Path, canary: Path, bench: Bench) -> list[str]:
    with zipfile.ZipFile(inside / "x.npz", "w") as archive:
        for name in ("x.npy", "../../../canary.npy"):
            stream = io.BytesIO()
            np.save(stream, _images())
            archive.writestr(name, stream.getvalue())
    return _train("--data", "x.npz")


def _huge_header(inside: Path, canary: Path, bench: Bench) -> list[str]:
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.float64)) | {"shape": (10**6, 1000, 1000)}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    (inside / "x.npy").write_bytes(stream.getvalue() + bytes(1000))
    return _train("--data", "x.npy")


def _bomb(inside: Path, canary: Path, bench: Bench) -> list[str]:
    """Make a small file that expands to 64 GB of zeros, from concatenated pieces of compressed zeros."""
    import zlib

    header = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": (64 * 1024, 1024, 1024)}
    np.lib.format.write_array_header_1_0(header, fields)
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = pack.compress(header.getvalue()) + pack.flush(zlib.Z_FULL_FLUSH)
    piece = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = piece.compress(bytes(2**20)) + piece.flush(zlib.Z_FULL_FLUSH)
    packed += zeros * 4096 + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    size = len(header.getvalue()) + 4096 * 2**20
    name = b"x.npy"
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), size & 0xFFFFFFFF, len(name), 0)
    central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), size & 0xFFFFFFFF,
                          len(name), 0, 0, 0, 0, 0, 0)  # fmt: skip
    body = local + name + packed
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(central) + len(name), len(body), 0)
    (inside / "x.npz").write_bytes(body + central + name + end)
    return _train("--data", "x.npz")


def _picture_bomb(inside: Path, canary: Path, bench: Bench) -> list[str]:
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    (inside / "p").mkdir()
    png = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )
    (inside / "p" / "a.png").write_bytes(png)
    return _train("--data", "p")


def _postscript(inside: Path, canary: Path, bench: Bench) -> list[str]:
    text = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(%pipe%touch {canary}) (w) file pop\nshowpage\n"
    (inside / "p").mkdir()
    for name in ("a.png", "b.jpg", "c.eps"):
        (inside / "p" / name).write_text(text)
    return _train("--data", "p")


def _links(inside: Path, canary: Path, bench: Bench) -> list[str]:
    (inside / "p" / "a").mkdir(parents=True)
    (inside / "p" / "a" / "again").symlink_to("..")
    (inside / "p" / "passwd.png").symlink_to("/etc/passwd")
    (inside / "p" / "none.png").symlink_to("nowhere")
    (inside / "p" / "zero.png").symlink_to("/dev/zero")
    return _train("--data", "p")


def _shell_class(inside: Path, canary: Path, bench: Bench) -> list[str]:
    from PIL import Image

    for name in (f"$(touch {canary.name})", "; touch canary #"):
        (inside / "p" / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(_images()[i]).save(inside / "p" / name / f"{i}.png")
    return _train("--data", "p")


def _stranger(inside: Path, canary: Path, bench: Bench) -> Path:
    """Make a run of somebody else whose config.json refers to code."""
    from jaxgan.results.seal import write_sealed

    run = runs.copied(bench.folder / "stopped", inside / "run")
    code = inside / "own.py"
    code.write_text(f"open({str(canary)!r}, 'w').close()\ndef own(real, fake):\n    return real, fake\n")
    content = json.loads((run / "config.json").read_text("utf-8"))
    content["config"]["loss"] = [f"{code}:own"]
    content["configurations"] = {"own": content["configurations"].popitem()[1]}
    shutil.move(run / "minimax", run / "own")
    write_sealed(run / "config.json", content)
    return run


def _foreign_resume(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return ["train", "--resume", "--out", str(_stranger(inside, canary, bench))]


def _foreign_sample(inside: Path, canary: Path, bench: Bench) -> list[str]:
    return ["sample", str(_stranger(inside, canary, bench)), "--out", "samples"]


def _foreign_label(inside: Path, canary: Path, bench: Bench) -> list[str]:
    """Make a run to be merged with a configuration whose name points outside the folder."""
    from jaxgan.results.seal import write_sealed

    run = runs.copied(bench.folder / "whole", inside / "one")
    content = json.loads((run / "config.json").read_text("utf-8"))
    content["configurations"] = {"../../../canary": content["configurations"].popitem()[1]}
    write_sealed(run / "config.json", content)
    return ["merge", "one", str(bench.folder / "second"), "--out", "run"]


PAYLOADS: dict[str, Callable[[Path, Path, Bench], list[str]]] = {
    "a pickle in .npz": _pickled_npz,
    "a pickle in .npy": _pickled_npy,
    "pickled labels": _pickled_labels,
    "a pickle called .npz": _bare_pickle,
    "code as a setting": _setting,
    "code as terms": _terms,
    "a shell's command as a loss": _loss_name,
    "a shell's command as a data set": _data_name,
    "a shell's command as a class": _shell_class,
    "HTML as a label": _html,
    "a template as a label": _template,
    "a path as a label": _traversal,
    "a path as an array's name": _member,
    "a path as a configuration's name": _foreign_label,
    "a header of 8 TB": _huge_header,
    "an archive that unpacks to 64 GB": _bomb,
    "a picture of 120 GB": _picture_bomb,
    "PostScript as a picture": _postscript,
    "links to devices, files and each other": _links,
    "somebody else's run that names code, resumed": _foreign_resume,
    "somebody else's run that names code, sampled": _foreign_sample,
}
