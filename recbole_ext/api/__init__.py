"""The Python API: what `import recbole_ext` hands on."""
