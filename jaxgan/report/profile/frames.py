"""The data of a profile's figures as tidy frames, with a row for each measured loss, seed and step."""

from typing import Any

import xarray as xr

from jaxgan.results.results import Results

_LAYERS = "gradient_layers"


def frames_of(results: Results) -> dict[str, Any]:
    """Return the data of each figure by its name, as a `pandas.DataFrame` of every seed before medians are taken.

    Against frozen generators and along training: gradients by loss. Layers: by layer. Strengths: at the last step.
    """
    gradients = _alike(results.dataset, "gradient", ("seed", "probe_step", "loss"))
    found = {"paper": _frame(_alike(results.dataset, "paper", ("loss", "logit"))), "frozen": None, "training": None}
    if gradients.data_vars:
        found |= {"frozen": _frame(gradients), "training": _frame(gradients)}
        found["strengths"] = _frame(gradients.isel(probe_step=[-1]))
    if _LAYERS in results.dataset:
        found["layers"] = _frame(results.dataset[[_LAYERS]])
    return {name: frame for name, frame in found.items() if frame is not None}


def _alike(dataset: xr.Dataset, group: str, last: tuple[str, ...]) -> xr.Dataset:
    """The variables of a group that end in these dimensions, all of one shape."""
    names = [name for name, values in dataset.data_vars.items()
             if values.attrs.get("group") == group and values.dims[-len(last) :] == last]  # fmt: skip
    return dataset[names]


def _frame(dataset: xr.Dataset) -> Any:
    found = dataset.to_dataframe().reset_index()
    return found.rename(columns=lambda name: str(name).removeprefix("gradient_").removeprefix("paper_"))
