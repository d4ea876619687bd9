"""Device names -> torch devices that are here."""

from __future__ import annotations

from typing import Any

import torch


def device_of(device: str | torch.device) -> torch.device:
    """Return the device; "auto" is a CUDA device if there is one, else the CPU."""
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def is_device(value: Any) -> bool:
    """Tell whether tensors can be put there."""
    if not isinstance(value, str | torch.device):
        return False
    try:
        return torch.empty(0, device=device_of(value)).device.type != "meta"
    except (RuntimeError, AssertionError):  # unknown name; no such device here
        return False
