"""The learning rate as a function of the step alone, so that a resumed run needs no scheduler state."""


def poly(step: int, steps: int, power: float = 0.9) -> float:
    """Factor on the learning rate before step i of N: (1 - i/N)^power.

    1 at the first step, towards 0 at the last; power 0 keeps it level. i counts from 0; ValueError outside 0..N.

    >>> [round(poly(step, 4), 3) for step in range(4)]
    [1.0, 0.772, 0.536, 0.287]

    Source: Chen et al. 2017 (DeepLab), section 4.1, the "poly" policy, after Liu et al. 2015 (ParseNet).
    """
    if not 0 <= step <= steps or steps < 1:
        raise ValueError(f"poly needs a step from 0 to {steps}, got {step}; steps must be at least 1")
    return (1 - step / steps) ** power


def warm_up(step: int, steps: int) -> float:
    """Factor on the learning rate before step i, counted from 0, of a warm-up of N steps: (i + 1)/N, then 1.

    >>> [warm_up(step, 4) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]

    Source: Goyal et al. 2017, section 2.2 (gradual warm-up).
    """
    return min(1.0, (step + 1) / steps) if steps else 1.0
