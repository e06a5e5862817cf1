"""Reads of tenants. Every one that takes an actor gives only what that actor may see, counts included."""
