"""Store results and compute statistics over runs: labelled arrays, intervals, slopes. Does not import JAX."""
