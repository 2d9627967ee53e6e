"""The sums of `l4s_geo.crf.mean_field` on a CUDA GPU: the same sums as `l4s_geo.crf.numba_backend`, by one CuPy kernel.

A GPU thread computes a pixel and recomputes the weights in every iteration: arithmetic is cheaper there than memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from l4s_geo.crf.backend import Field
from l4s_geo.crf.parameters import CRFParameters, reach
from l4s_geo.errors import DeviceError

__all__ = ["SOURCE", "Sums"]

_THREADS = 128

SOURCE = r"""
extern "C" __global__ void sums(
    const float* features, const float* smooth, const float* alike, const long long* ys, const long long* xs,
    const int count, const int bands, const int rows, const int cols,
    const int gaussian_radius, const float gaussian_inverse,
    const int bilateral_radius, const float bilateral_inverse, const float value_inverse, float* out)
{
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= count) return;
    const int y = (int)ys[k], x = (int)xs[k];
    const long long plane = (long long)rows * cols;
    const long long centre = (long long)y * cols + x;

    float sum = 0.0f;
    for (int r = max(0, y - gaussian_radius); r <= min(rows - 1, y + gaussian_radius); ++r)
        for (int c = max(0, x - gaussian_radius); c <= min(cols - 1, x + gaussian_radius); ++c) {
            const float apart = (float)((r - y) * (r - y) + (c - x) * (c - x));
            sum += expf(-apart * gaussian_inverse) * smooth[(long long)r * cols + c];
        }
    out[k] = sum;

    sum = 0.0f;
    for (int r = max(0, y - bilateral_radius); r <= min(rows - 1, y + bilateral_radius); ++r)
        for (int c = max(0, x - bilateral_radius); c <= min(cols - 1, x + bilateral_radius); ++c) {
            const long long at = (long long)r * cols + c;
            float unlike = 0.0f;
            for (int b = 0; b < bands; ++b) {
                const float d = features[b * plane + at] - features[b * plane + centre];
                unlike += d * d;
            }
            // fminf also turns the NaN of an invalid pixel, whose message is 0, into a number.
            const float apart = (float)((r - y) * (r - y) + (c - x) * (c - x));
            sum += expf(-apart * bilateral_inverse - fminf(unlike * value_inverse, 24.0f)) * alike[at];
        }
    out[count + k] = sum;
}
"""


class Sums:
    """Sums on a CUDA GPU; implements `l4s_geo.crf.backend.Backend`."""

    def __init__(self, field: Field, parameters: CRFParameters) -> None:
        try:
            import cupy
        except ImportError as error:
            raise DeviceError(
                f"The CRF on a GPU needs CuPy, which cannot be imported ({error}); install it with "
                "pip install 'l4s-geo[gpu]', or use the CPU."
            ) from error
        self.xp: Any = cupy
        p = parameters
        self._shape = field.features.shape
        try:
            self._kernel = cupy.RawKernel(SOURCE, "sums")
            self._features, self._ys, self._xs = (cupy.asarray(a) for a in (field.features, field.ys, field.xs))
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise DeviceError(
                f"The GPU's memory does not hold a block of the CRF ({error}); end other programs that use the GPU, or "
                "switch the CRF off."
            ) from error
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise DeviceError(f"The CRF finds no usable CUDA GPU ({error}); use the CPU.") from error
        self._kernels = (
            np.int32(reach(p.gaussian_sigma, p.gaussian_weight)),
            np.float32(0.5 / p.gaussian_sigma**2),
            np.int32(reach(p.bilateral_sigma_xy, p.bilateral_weight)),
            np.float32(0.5 / p.bilateral_sigma_xy**2),
            np.float32(0.5 / p.bilateral_sigma_value**2),
        )

    def sums(self, images: Any, count: int) -> Any:
        """Sum an image under each kernel around the first pixels, see `l4s_geo.crf.backend.Backend`."""
        out = self.xp.empty((2, count), np.float32)
        sizes = tuple(np.int32(n) for n in (count, *self._shape))
        self._kernel(
            (math.ceil(count / _THREADS),),
            (_THREADS,),
            (self._features, images[0], images[1], self._ys, self._xs, *sizes, *self._kernels, out),
        )
        return out
