"""People, roles, bindings, API tokens."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who may act."""

    name = "controlpanel.accounts"
    label = "accounts"
