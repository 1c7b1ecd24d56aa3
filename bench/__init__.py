"""The benchmark: `make bench`. What it measures and how is in README.md beside this file, what it found in RESULTS.md."""
