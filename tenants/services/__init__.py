"""Use cases of tenants: one function each, called by page, API and command alike."""
