"""Tests of the commands against a sandbox Argo CD and real Git."""
