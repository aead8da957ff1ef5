"""Stored numbers and statistics over runs: labelled arrays, intervals, slopes. numpy, scipy and xarray; no JAX."""
