"""Tenants, credential references, checklists and sign-offs."""
