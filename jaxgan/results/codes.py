"""Names of outcomes that all readers of results need; `jaxgan.Outcome` has the full list."""

HEALTHY = "HEALTHY"
FINE = (HEALTHY, "PARTIALLY_COLLAPSED", "OVERFITTED", "OK")
"""Outcomes that are not failures: most of the data was learned, perhaps not all of it, or too well. OK is the name that
an earlier version used."""
