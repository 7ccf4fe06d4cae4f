"""The chapters of a report, each from what it needs and nothing else."""
