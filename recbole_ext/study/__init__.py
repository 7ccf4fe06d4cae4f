"""Studies over many runs: hyper-parameter search, comparisons of models, ablations."""
