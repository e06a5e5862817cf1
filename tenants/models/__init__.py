"""Rows of the tenants app; each file holds one noun."""

from tenants.models.checklist import ChecklistBasis, ChecklistItem, ItemChange, KeyNeed, ReviewRequest, SignOff
from tenants.models.observation import EnvironmentValue, HubState, Observation
from tenants.models.readiness import Readiness
from tenants.models.reference import CredentialReference, Departure, ReferenceVersion
from tenants.models.rounds import HubEvent, Round
from tenants.models.tenant import Tenant

__all__ = [
    "ChecklistBasis",
    "ChecklistItem",
    "CredentialReference",
    "Departure",
    "EnvironmentValue",
    "HubEvent",
    "HubState",
    "ItemChange",
    "KeyNeed",
    "Observation",
    "Readiness",
    "ReferenceVersion",
    "ReviewRequest",
    "Round",
    "SignOff",
    "Tenant",
]
