"""Fixed tensors that follow the type of what they meet."""

import torch
from torch import Tensor


class FixedTensor:
    """A fixed tensor in whichever floating-point type it is asked for.

    A conversion at each use would be one more operation a step, and one that keeps compiled loops from vectorising.
    """

    def __init__(self, values: object) -> None:
        exact = torch.as_tensor(values, dtype=torch.float64)
        self._held = {dtype: exact.to(dtype) for dtype in (torch.float64, torch.float32)}

    def like(self, x: Tensor) -> Tensor:
        """The tensor in the type and on the device of x."""
        return self._held[torch.float32 if x.dtype == torch.float32 else torch.float64].to(x)
