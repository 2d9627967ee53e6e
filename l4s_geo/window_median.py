"""Medians of windows on a CUDA GPU, one block of threads a window: radix selection, exact.

CuPy's own median sorts every window, which takes longer than a small network's run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

__all__ = ["SOURCE", "medians"]

_THREADS = 1024

SOURCE = r"""
__device__ unsigned int ordered(float value)  // keys order as the floats do
{
    const unsigned int bits = __float_as_uint(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ float number(unsigned int key)
{
    return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

extern "C" __global__ void medians(const float* values, const long long count, float* out)
{
    __shared__ unsigned int histogram[256];
    __shared__ unsigned int finite, rank, lower, at_most, next;
    const float* own = values + count * blockIdx.x;

    if (threadIdx.x == 0) { finite = 0; lower = 0; at_most = 0; next = 0xffffffffu; }
    __syncthreads();
    unsigned int mine = 0;
    for (long long i = threadIdx.x; i < count; i += blockDim.x) mine += isfinite(own[i]) ? 1 : 0;
    atomicAdd(&finite, mine);
    __syncthreads();
    if (finite == 0) {
        if (threadIdx.x == 0) out[blockIdx.x] = nanf("");
        return;
    }

    // Digit by digit, from the highest, narrow down the key of the lower of the two in the middle.
    if (threadIdx.x == 0) rank = (finite - 1) / 2;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int i = threadIdx.x; i < 256; i += blockDim.x) histogram[i] = 0;
        __syncthreads();
        for (long long i = threadIdx.x; i < count; i += blockDim.x) {
            const unsigned int key = ordered(own[i]);
            if (isfinite(own[i]) && (shift == 24 || key >> (shift + 8) == lower >> (shift + 8)))
                atomicAdd(&histogram[key >> shift & 255u], 1u);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            unsigned int digit = 0;
            while (rank >= histogram[digit]) rank -= histogram[digit++];
            lower |= digit << shift;
        }
        __syncthreads();
    }

    // The upper one has the same key, or the next higher.
    unsigned int my_next = 0xffffffffu;
    mine = 0;
    for (long long i = threadIdx.x; i < count; i += blockDim.x) {
        if (!isfinite(own[i])) continue;
        const unsigned int key = ordered(own[i]);
        if (key <= lower) ++mine;
        else my_next = min(my_next, key);
    }
    atomicAdd(&at_most, mine);
    atomicMin(&next, my_next);
    __syncthreads();
    if (threadIdx.x == 0)
        out[blockIdx.x] = (number(lower) + number(at_most > finite / 2 ? lower : next)) / 2.0f;
}
"""


@cache
def _kernel() -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "medians")


def medians(windows: Any) -> Any:
    """Compute each window's median over its finite values.

    Args:
        windows: (n, bands, rows, cols) float32 cupy array.

    Returns:
        (n,) float32 cupy array; NaN for a window without a finite value.
    """
    import cupy

    windows = cupy.ascontiguousarray(windows, np.float32)
    out = cupy.empty(len(windows), np.float32)
    if len(windows):
        _kernel()((len(windows),), (_THREADS,), (windows, np.int64(windows[0].size), out))
    return out
