"""Types of checklist items, one file each."""

from tenants.checklist import (
    credential_exists,
    endpoint_answers,
    manual_sign_off,
    redis_key_present,
    variable_set,
)
from tenants.checklist.base import Asked, Facts, Finding, ItemType, item_type, types

__all__ = [
    "Asked",
    "Facts",
    "Finding",
    "ItemType",
    "credential_exists",
    "endpoint_answers",
    "item_type",
    "manual_sign_off",
    "redis_key_present",
    "types",
    "variable_set",
]
