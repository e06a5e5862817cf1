"""An Argo CD 3.6 and a Kubernetes small enough for a laptop: they read real Git repositories and roll pods out over time."""
