"""Random numbers that are the same on every library, whoever draws them and in whatever order.

The draw of number ``i`` is a function of the seed and ``i`` alone: Threefry-2x32 with 20 rounds
(Salmon, Moraes, Dror and Shaw 2011, doi:10.1145/2063384.2063405), a keyed hash of a counter that
passes BigCrush. There is no state to hand on, so chunks share nothing.
"""

from __future__ import annotations

from typing import Any

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
WORD = 0xFFFFFFFF


def threefry(xp: Any, key: tuple[int, int], first: Any, second: Any) -> tuple[Any, Any]:
    """Two words of 32 bits for each pair of counter words; all are int64, which torch has too."""
    keys = (key[0], key[1], PARITY ^ key[0] ^ key[1])
    x, y = (first + keys[0]) & WORD, (second + keys[1]) & WORD
    for round_ in range(5):
        for by in ROTATIONS[round_ % 2]:
            x = (x + y) & WORD
            y = (((y << by) & WORD) | (y >> (32 - by))) ^ x
        x = (x + keys[(round_ + 1) % 3]) & WORD
        y = (y + (keys[(round_ + 2) % 3] + round_ + 1)) & WORD
    return x, y


def uniforms(xp: Any, seed: int, numbers: Any, dimensions: int) -> Any:
    """Shape (n, dimensions), float64 in (0, 1) with 52 random bits: the draws ``numbers`` (n,).

    ``numbers`` are int64 from 0 to below 2**48, ``dimensions`` below 2**16; the seed has 64 bits.
    """
    column = xp.arange(dimensions, dtype=xp.int64, device=numbers.device)[None, :]
    low = (numbers & WORD)[:, None] + xp.zeros_like(column)
    high = ((numbers >> 32) << 16)[:, None] + column
    x, y = threefry(xp, (seed & WORD, (seed >> 32) & WORD), low, high)
    bits = ((x >> 6) << 26) | (y >> 6)
    return (xp.astype(bits, xp.float64) + 0.5) * 2.0**-52


def normals(xp: Any, uniform: Any) -> Any:
    """Standard normal numbers of the same shape (n, dimensions), from an even number of uniforms.

    Box and Muller 1958, doi:10.1214/aoms/1177706645: beyond 8.5 deviations there are none.
    """
    half = uniform.shape[1] // 2
    if uniform.shape[1] != 2 * half:
        raise ValueError(f"normals need an even number of uniforms, not {uniform.shape[1]}")
    length = xp.sqrt(-2 * xp.log(uniform[:, :half]))
    angle = (2 * xp.pi) * uniform[:, half:]
    return xp.concat([length * xp.cos(angle), length * xp.sin(angle)], axis=1)
