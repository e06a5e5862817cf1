"""Renderers: the members register themselves when this package is imported."""

from deployments.renderers import directory as directory
from deployments.renderers import helm as helm
from deployments.renderers import kustomize as kustomize
