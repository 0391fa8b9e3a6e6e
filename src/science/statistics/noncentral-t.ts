/**
 * The noncentral t distribution: T = (Z + delta) / (U / sqrt(nu)) with Z standard normal and U chi with nu degrees of
 * freedom. Power and the interval of an effect size need it, and no maintained package has it.
 */
import logGamma from '@stdlib/math-base-special-gammaln';
import normalCdf from '@stdlib/stats-base-dists-normal-cdf';
import { exp, log } from '../../base/stated-math.ts';

/** Nodes and weights of Gauss-Legendre quadrature with ten points on [-1, 1] (Abramowitz & Stegun, table 25.4). */
const NODES = [0.14887433898163122, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845, 0.9739065285171717];
const WEIGHTS = [
  0.29552422471475287, 0.26926671930999635, 0.21908636251598204, 0.1494513491505806, 0.06667134430868814,
];
const PANELS = 12;

/**
 * P(T <= t), to about 12 decimals: the integral over u of Phi(t u / sqrt(nu) - delta) times the density of U. Where Phi
 * rises from 0 to 1 within a small stretch of u, that stretch is integrated on its own.
 */
export function noncentralTCdf(t: number, degrees: number, delta: number): number {
  if (!(degrees > 0)) throw new RangeError(`The noncentral t needs more than 0 degrees of freedom, not ${degrees}.`);
  if (t === 0) return normalCdf(-delta, 0, 1);
  if (t < 0) return 1 - noncentralTCdf(-t, degrees, -delta);
  const scale = t / Math.sqrt(degrees);
  const logNorm = (1 - degrees / 2) * Math.LN2 - logGamma(degrees / 2);
  const density = (u: number) => exp(logNorm + (degrees - 1) * log(u) - (u * u) / 2);
  const integrand = (u: number) => normalCdf(scale * u - delta, 0, 1) * density(u);
  // U has a standard deviation below 0.71 and lighter tails than a normal one around its centre.
  const low = Math.max(0, Math.sqrt(degrees) - 10);
  const high = Math.sqrt(degrees) + 10;
  const within = (u: number) => Math.min(high, Math.max(low, u));
  const cuts = [low, within((delta - 9) / scale), within((delta + 9) / scale), high];
  let sum = 0;
  for (const [i, cut] of cuts.slice(0, -1).entries()) sum += integral(integrand, cut, cuts[i + 1]!);
  return Math.min(1, Math.max(0, sum));
}

function integral(f: (u: number) => number, from: number, to: number): number {
  const half = (to - from) / PANELS / 2;
  if (half === 0) return 0;
  let sum = 0;
  for (let panel = 0; panel < PANELS; panel++) {
    const middle = from + (2 * panel + 1) * half;
    for (const [i, node] of NODES.entries()) sum += WEIGHTS[i]! * (f(middle - node * half) + f(middle + node * half));
  }
  return sum * half;
}
