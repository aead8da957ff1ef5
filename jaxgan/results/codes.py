"""Names of outcomes that every reader of results has to know; all of them are in `jaxgan.Outcome`."""

HEALTHY = "HEALTHY"
FINE = (HEALTHY, "PARTIALLY_COLLAPSED", "OVERFITTED", "OK")
"""Outcomes that are no failures: most of the data are learned, if not all or too well. OK is an earlier version's."""
