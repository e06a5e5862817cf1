"""Rows of the deployments app; each file holds one noun."""

from deployments.models.application import Application, Observer
from deployments.models.inquiry import Inquiry, Instruction
from deployments.models.preflight import Preflight, RenderedComponent
from deployments.models.promotion import GateResult, Promotion, PromotionComponent
from deployments.models.release import Release
from deployments.models.verification import AutomaticRollback, Evidence, Verification

__all__ = [
    "Application",
    "AutomaticRollback",
    "Evidence",
    "GateResult",
    "Inquiry",
    "Instruction",
    "Observer",
    "Preflight",
    "Promotion",
    "PromotionComponent",
    "Release",
    "RenderedComponent",
    "Verification",
]
