"""Create or reopen the folder of a study; the leading process locks it, and all processes share it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgan.files import StoreError, write_bytes
from jaxgan.results import claim, store
from jaxgan.results.claim import RunFolder
from jaxgan.results.results import SCHEMA, Results
from jaxgan.results.seal import digest_of
from jaxgan.runs.placement import Placement
from jaxgan.study import inputs, provenance
from jaxgan.study.block import Block
from jaxgan.study.build import Study
from jaxgan.study.config import Config, as_stored
from jaxgan.study.distributed import processes, resources
from jaxgan.study.trust import sealed

_GROWN = ("config", "configurations", "command", "blocks", "hash")
"""Fields of config.json that change when a run grows."""
RUNS = Path("runs")
"""The folder of numbered runs, for those without a name."""


def new_folder(
    out: Path | None,
    slug: str,
    origin: Mapping[str, Any],
    own_code: Sequence[str],
    config: Config | None,
    overwrite: bool,
) -> RunFolder:
    """Create the folder of a new run, with its config.json and copies of the user's code.

    Args:
      out: the folder; by default the next numbered one under runs/.
      slug: the name of a numbered folder, after its number.
      origin: the content of config.json.
      own_code: names of the user's code, as options have them.
      config: what is trained, if anything is.
      overwrite: whether a run in `out` may be replaced.

    Raises:
      StoreError: as from `claim`, if the code cannot be kept, or if the processes do not share the folder.
    """

    def begin() -> RunFolder:
        # Before the folder is taken: it may be the run to be replaced that has the code.
        if config is not None and out is not None:
            inputs.check_outside(config, out)
        inputs.check_kept(own_code)
        files = inputs.copies_of(own_code, origin["inputs"])
        folder = claim.numbered(RUNS, slug) if out is None else out
        return claim.claim(folder, sealed(origin), files, overwrite=overwrite)

    return _by_who_leads(begin)


def old_folder(out: Path) -> RunFolder:
    """Reopen the folder of a run to continue it.

    Raises:
      StoreError: if it is in use or holds no run, or the processes do not share it.
    """
    return _by_who_leads(lambda: claim.reopen(out))


def _by_who_leads(take: Callable[[], RunFolder]) -> RunFolder:
    run = None
    with processes.in_agreement():
        if processes.leads():
            run = take()
    folder = processes.seen_by_all(Path() if run is None else run.path)
    return claim.beside(folder) if run is None else run


def grown(run: RunFolder, study: Study, origin: Mapping[str, Any]) -> None:
    """Update config.json for a resumed run that has grown."""
    with processes.in_agreement():
        if processes.leads():
            now = store.read_config(run.path) | {name: origin[name] for name in _GROWN}
            for name, content in inputs.copies_of(study.own_code, origin["inputs"]).items():
                write_bytes(run.path / name, content)
            (run.path / store.RESULTS).unlink(missing_ok=True)  # first: they belong to the old config.json
            run.rewrite(sealed(now))


def complete(run: RunFolder, results: Results, report: Callable[[Results, Path], object]) -> None:
    """Write the report of a run with these results, which it has on disk, and mark it as complete."""
    run.check()
    store.write_metrics(results, run.path)
    report(results, run.path)
    store.write_sums(run.path)
    run.complete()


def results_for(run: RunFolder, config: Config) -> Results | None:
    """Return the results if the run is finished, undamaged, and has everything that is requested."""
    if not store.is_finished(run.path) or store.read_config(run.path)["config"] != as_stored(config):
        return None
    try:
        return store.load_results(run.path)
    except StoreError:  # damaged: recomputed from the training files
        return None


def origin_of(job: str, study: Study, placement: Placement, blocks: tuple[Block, ...]) -> dict[str, Any]:
    """Return the content of a run's config.json."""
    return {
        "schema": SCHEMA,
        "job": job,
        "config": as_stored(study.config),
        "configurations": {label: one.stored for label, one in study.configurations.items()},
        "network": study.networks.description,
        "shape": list(study.source.shape),
        "condition": None if (condition := study.source.condition) is None else list(condition),
        "classes": list(study.source.classes),
        "blocks": [block._asdict() for block in blocks],
        "inputs": inputs.digests(study),
        "code": inputs.code_of(study.own_code),
        "sources": provenance.sources(),
        **provenance.provenance(),
        **resources.described(placement),
        "key": study.config.key,
        "hash": digest_of(as_stored(study.config)),  # of the request, including planned claims, before the first run
    }
