"""What goes where: releases, promotions, applications."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Promotions through Argo CD."""

    name = "deployments"
