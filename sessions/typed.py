"""What users type, read the same by the command line and the workbench; needs nothing of the engine."""

import math


def bytes_typed(text: str) -> int | None:
    """An amount of memory in bytes, K, M, G or T behind it (800M, 4G, 2GiB); None when it is none."""
    plain = text.strip().upper().removesuffix("B").removesuffix("I")
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}.get(plain[-1:], 0)
    try:
        number = float(plain[:-1] if factor else plain) * (factor or 1)
    except ValueError:
        return None
    return int(number) if 1 <= number < 1 << 60 else None


def target_words(target: float, *, short: bool = False) -> str:
    """A target in the chapter's cos, in words; *short*: as the workbench says it, whose "cosine" is the raw one.

    1 - cosine is half of noise over signal (peers section 2).
    """
    raw = 2 * target - 1
    noise = 2 * (1 - raw)
    level = f"{-10 * math.log10(noise):.3g} dB" if noise > 0 else "no noise at all"
    if short:
        return f"cosine {raw:.10g}, {level}"
    return f"raw cosine {raw:.10g}, chapter's cos {target:.10g}, {level}"
