"""Tests of people, tokens and their commands."""
