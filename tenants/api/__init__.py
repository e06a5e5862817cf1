"""The REST interface of tenants, their references, checklists and reviews."""
