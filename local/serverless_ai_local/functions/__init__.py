"""Deployed functions as processes, under the contract of the cloud they are written for."""

from serverless_ai_local.functions.function_host import FunctionHost
from serverless_ai_local.functions.host import Limits

__all__ = ["FunctionHost", "Limits"]
