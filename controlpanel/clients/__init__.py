"""Clients of the outside systems: no models, no Django, transports injected, errors typed (see `errors`)."""
