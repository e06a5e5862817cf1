"""Measures of speed and size; `script/bench` runs them and keeps their history in docs/benchmarks.md."""
