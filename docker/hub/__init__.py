"""Stand-ins for the hub's own images: they answer its interface, in containers and as plain processes, and do nothing more."""
