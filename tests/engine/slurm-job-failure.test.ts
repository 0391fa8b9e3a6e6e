import { expect, test } from 'vitest';
import { jobFailure, type EndedJob } from '../../src/engine/executors/slurm/job-failure.ts';

function told(ended: Partial<EndedJob> & Pick<EndedJob, 'state'>) {
  const settings = { cpus: 1, setup: [], signal: 120, options: [] };
  const failure = jobFailure({ job: '1_0', bundle: 'A1/s0', settings, log: undefined, ending: undefined, ...ended });
  return failure?.kind === 'job' ? { message: failure.message, log: failure.log } : failure;
}

// Slurm has the same word for both.
test('a job that was killed while it ran is told from one that could not be started', () => {
  const ended = { state: 'failed', reason: 'JobLaunchFailure' } as const;
  expect(told({ ...ended, hasStarted: true, log: '/cache/0.log' })).toEqual({
    message: 'was killed while it ran (JobLaunchFailure)',
    log: '/cache/0.log',
  });
  expect(told(ended)).toEqual({ message: expect.stringContaining('could not be started') as string });
});

test('what a cancelled job waited for is not why it was cancelled', () => {
  expect(told({ state: 'cancelled', reason: 'Dependency' })).toEqual({ message: 'was cancelled' });
});
