/** Every part that is made for the pages. */
import type { Part } from './part.ts';
import { detector } from './parts/detector.ts';
import { emergence } from './parts/emergence.ts';
import { exactArithmetic } from './parts/exact-arithmetic.ts';
import { findings } from './parts/findings.ts';
import { learningRate } from './parts/learning-rate.ts';
import { pilot } from './parts/pilot.ts';
import { speed } from './parts/speed.ts';
import { statistics } from './parts/statistics.ts';
import { study } from './parts/study.ts';
import { transcripts } from './parts/transcripts.ts';

export const PARTS: readonly Part[] = [
  pilot,
  detector,
  emergence,
  exactArithmetic,
  findings,
  learningRate,
  speed,
  statistics,
  study,
  transcripts,
];
