"""Derives the polynomial coefficients of src/Int8Runtime.X64/Emitters/MathCoefficients.cs.

Each polynomial minimizes the largest weighted error on an interval (Remez exchange); coefficients are then rounded to
binary32 one after the other, lowest power first, and the remaining ones are fitted again, so that most of the rounding
error is taken up by the higher terms. Needs mpmath; prints C# arrays, lowest power first, with the error reached.
"""
import struct
from mpmath import mp, mpf, matrix, lu_solve, exp, log, erf, erfc, tanh, cos, pi, sqrt

mp.prec = 160


def to_f32(value):
    return mpf(struct.unpack("f", struct.pack("f", float(value)))[0])


def evaluate(coefficients, x):
    result = mpf(0)
    for c in reversed(coefficients):
        result = result * x + c
    return result


def remez(f, weight, low, high, powers):
    """Coefficients of x**p, p in powers, with least max |weight * (f - polynomial)|; and that maximum."""
    n = len(powers)
    low, high = mpf(low), mpf(high)
    nodes = [(low + high) / 2 - (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * n + 2)) for i in range(n + 1)]
    grid = [(low + high) / 2 - (high - low) / 2 * cos(pi * (mpf(i) + mpf(1) / 2) / 600) for i in range(600)]
    for _ in range(30):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for row, x in enumerate(nodes):
            for column, p in enumerate(powers):
                a[row, column] = x ** p
            a[row, n] = (-1) ** row / weight(x)
            b[row] = f(x)
        solution = lu_solve(a, b)
        error = lambda x: weight(x) * (f(x) - sum(solution[i] * x ** p for i, p in enumerate(powers)))
        values = [error(x) for x in grid]
        extrema, best = [], None  # the largest error of each run of equal sign
        for x, v in zip(grid, values):
            if best is None or v * best[1] < 0:
                if best is not None:
                    extrema.append(best)
                best = (x, v)
            elif abs(v) > abs(best[1]):
                best = (x, v)
        extrema.append(best)
        while len(extrema) > n + 1:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        if len(extrema) < n + 1:
            break
        nodes = [x for x, _ in extrema]
        largest = max(abs(v) for _, v in extrema)
        if largest - min(abs(v) for _, v in extrema) < largest / 1000:
            break
    return [solution[i] for i in range(n)], max(abs(v) for v in values)


def fit_f32(name, f, weight, low, high, degree, comment, fixed=()):
    """Fits a polynomial whose coefficients are binary32 numbers; `fixed` gives the lowest ones."""
    known = [to_f32(c) for c in fixed]
    while len(known) <= degree:
        rest = lambda x: f(x) - evaluate(known, x)
        coefficients, _ = remez(rest, weight, low, high, list(range(len(known), degree + 1)))
        known.append(to_f32(coefficients[0]))
    steps = 2000
    points = [mpf(low) + (mpf(high) - mpf(low)) * i / steps for i in range(steps + 1)]
    error = max(abs(weight(x) * (f(x) - evaluate(known, x))) for x in points if x != 0)
    print(f"    // {comment}; error {float(error):.1e}.")
    print(f"    public static readonly float[] {name} =")
    print("    [")
    print("        " + ", ".join(f"{float(c):.9g}f" for c in known) + ",")
    print("    ];\n", flush=True)


def series(f, g):
    """f away from 0, g near it, where f cancels."""
    return lambda x: g(x) if abs(x) < mpf(10) ** -12 else f(x)


FLOOR = mpf(10) ** -4  # keeps weights that vanish at 0 positive, as the exchange needs
ln2 = log(mpf(2))
fit_f32("ExpTail", series(lambda r: (exp(r) - 1 - r) / r ** 2, lambda r: mpf(1) / 2 + r / 6), lambda r: (r ** 2 + FLOOR) / exp(r),
        -ln2 / 2 * 1.001, ln2 / 2 * 1.001, 4, "(e^r - 1 - r) / r^2 on |r| <= ln2 / 2, relative to e^r")
low, high = sqrt(mpf(0.5)) - 1, sqrt(mpf(2)) - 1
fit_f32("LogTail", series(lambda f: (log(1 + f) - f + f * f / 2) / f ** 3, lambda f: mpf(1) / 3 - f / 4),
        lambda f: f ** 2 + FLOOR, low, high, 9,
        "(ln(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) - 1 <= f <= sqrt(2) - 1, relative to f")
fit_f32("Log1p", series(lambda z: log(1 + z) / z, lambda z: 1 - z / 2), lambda z: 1 / (log(1 + z) / z) if z != 0 else mpf(1),
        mpf(0), mpf(1), 10, "ln(1 + z) / z on 0 <= z <= 1, relative", fixed=[1])
fit_f32("TanhTail", series(lambda s: (tanh(sqrt(s)) / sqrt(s) - 1) / s, lambda s: -mpf(1) / 3 + 2 * s / 15),
        lambda s: s + FLOOR, mpf(10) ** -8, mpf("0.41"), 5, "(tanh(x) / x - 1) / s, s = x^2, on |x| <= 0.64, relative to tanh x / x")
fit_f32("ErfTail", series(lambda s: erf(sqrt(s)) / sqrt(s) - 1, lambda s: 2 / sqrt(pi) * (1 - s / 3) - 1),
        lambda s: 1, mpf(10) ** -8, mpf("1.0"), 7, "erf(x) / x - 1 in s = x^2 on |x| <= 1")
P = mpf("0.5")
def erfc_over_t(t):
    a = (1 / t - 1) / P
    return erfc(a) * exp(a * a) / t
fit_f32("ErfcScaled", erfc_over_t, lambda t: 1 / erfc_over_t(t), 1 / (1 + P * 10), mpf(1), 10,
        "e^(a^2) erfc(a) / t in t = 1 / (1 + a / 2) on 0 <= a <= 10, relative")
