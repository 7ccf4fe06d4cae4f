"""What is measured against others; each module prints a table."""
