"""Tests of docker/: the local stack, its stand-ins and the panel's image."""
