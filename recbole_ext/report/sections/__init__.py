"""The chapters of a report, one module for each subject."""
