"""Measured ratios: this program beside a bare baseline, alternating in one run.

Not part of the installed program; ``python -m benchmarks`` runs it from the project's folder.
"""
