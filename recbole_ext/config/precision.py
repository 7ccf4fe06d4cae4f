"""Which floating-point type the hardware multiplies fastest."""

from __future__ import annotations

import torch

__all__ = ["resolved_precision"]


def _processor_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; False if PyTorch is too old to tell."""
    tell = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return tell is not None and bool(tell())


def resolved_precision(name: str | None, device: torch.device | str = "cpu") -> str:
    """Resolves the key ``softmax_precision`` on a device.

    Args:
        name: float32, bfloat16, or auto: bfloat16 if the device multiplies it in hardware.
        device: Device of the products.

    Returns:
        float32 or bfloat16.
    """
    if name != "auto":
        return name or "float32"
    cuda = torch.device(device).type == "cuda"
    native = torch.cuda.get_device_capability(device) >= (8, 0) if cuda else _processor_has_bfloat16()
    return "bfloat16" if native else "float32"
