"""Renderers: the members register themselves when this package is imported."""

from deployments.renderers import kustomize as kustomize
