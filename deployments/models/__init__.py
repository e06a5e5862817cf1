"""Rows of the deployments app; each file holds one noun."""

from deployments.models.application import Application, Observer
from deployments.models.approval import Approval
from deployments.models.check import ExternalCheck
from deployments.models.freeze import Freeze
from deployments.models.inquiry import Inquiry, Instruction
from deployments.models.plan import PlannedPromotion, ReleaseHold
from deployments.models.preflight import Preflight, RenderedComponent
from deployments.models.promotion import GateResult, Promotion, PromotionComponent
from deployments.models.release import Release
from deployments.models.verification import AutomaticRollback, Evidence, Verification

__all__ = [
    "Application",
    "Approval",
    "AutomaticRollback",
    "Evidence",
    "ExternalCheck",
    "Freeze",
    "GateResult",
    "Inquiry",
    "Instruction",
    "Observer",
    "PlannedPromotion",
    "Preflight",
    "Promotion",
    "PromotionComponent",
    "Release",
    "ReleaseHold",
    "RenderedComponent",
    "Verification",
]
