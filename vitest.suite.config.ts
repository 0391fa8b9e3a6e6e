/**
 * The whole suite, as `npm test` runs it. Files share processes: loading the same modules anew for each of them takes
 * longer than most of these tests. Where files are run by name, each has a process of its own (vitest.config.ts).
 */
import { defineConfig } from 'vitest/config';
import config from './vitest.config.ts';

const file = (folder: string, ...names: string[]) => names.map((name) => `tests/${folder}/${name}.test.ts`);

/** Have a process of their own here, too. */
const ALONE = [
  // They count what a process has loaded, or what it takes.
  ...file('base', 'compile-schema'),
  ...file('engine', 'worker-memory'),
  // They replace modules, functions of modules, the clock or the random numbers.
  ...file('engine', 'environment', 'waiting-simulation'),
  ...file('estimate', 'calibration'),
  ...file('model', 'session-pool'),
  ...file('stages', 'streams'),
  // They let node:fs fail.
  ...file('cli', 'failing-disk', 'init'),
  ...file('engine', 'failing-disk'),
  'tests/cache/**/*.test.ts',
  // They set variables of the environment.
  ...file('cli', 'doctor'),
  ...file('compute', 'pytorch-peer', 'tensorflow-native'),
  ...file('engine', 'trajectory', 'two-runs'),
  // Kernels of one process must give what those of another give.
  ...file('compute', 'determinism'),
  // Processes that they start and end act on their parent.
  ...file('engine', 'executor', 'fault-injection', 'program-output', 'program-stage', 'stop', 'worker-start'),
];

export default defineConfig({
  test: {
    ...config.test,
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/{real,gpu}/**', ...ALONE],
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE } },
    ],
  },
});
