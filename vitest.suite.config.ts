/**
 * The whole suite, as `npm test` runs it. Tests of functions share processes: loading the same modules anew for each
 * file takes longer than most of these tests. Whatever starts programs, patches node:fs or counts what a process has
 * loaded has a process for each file, as all have where files are run by name (vitest.config.ts).
 */
import { defineConfig } from 'vitest/config';
import config from './vitest.config.ts';

/** Folders of tests. */
const FUNCTIONS = ['base', 'compute', 'estimate', 'model', 'pipeline', 'report', 'science'];
const ALONE = [
  'tests/base/compile-schema.test.ts',
  'tests/compute/determinism.test.ts',
  // These set variables of the environment.
  'tests/compute/pytorch-peer.test.ts',
  'tests/compute/tensorflow-native.test.ts',
  'tests/estimate/calibration.test.ts',
  // With tests/support/stage-job.ts, which keeps a folder for each file.
  'tests/model/session-pool.test.ts',
  'tests/science/detector-rates.test.ts',
];

export default defineConfig({
  test: {
    ...config.test,
    projects: [
      {
        extends: true,
        test: { name: 'shared', include: [`tests/{${FUNCTIONS}}/**/*.test.ts`], exclude: ALONE, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['tests/*.test.ts', `tests/!(${[...FUNCTIONS, 'real', 'gpu'].join('|')})/**/*.test.ts`, ...ALONE],
        },
      },
    ],
  },
});
