"""The REST interface of releases, preflights, promotions, environments and the audit."""
