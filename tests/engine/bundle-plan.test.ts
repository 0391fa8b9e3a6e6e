/** What a job of a cluster makes of a study's plan: it computes its bundle and nothing that other jobs were to make. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lackingIn, restrictTo, wantedOf } from '../../src/engine/executors/slurm/bundle-plan.ts';
import { Rig, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

const STUDY: ToyStudy = {
  shared: { stage: 'count', params: { to: 2, say: 'shared' } },
  own: { from: 'shared' },
  last: { from: 'own' },
  other: { from: 'shared' },
  ofOther: { from: 'other' },
  report: { stage: 'list', all: ['last', 'ofOther'] },
};

/** Runs a job of these nodes, as far as the plan lets it. */
async function job(...places: string[]) {
  const planned = await rig.plan(STUDY);
  const keys = places.map((place) => planned.at(place).node.key);
  const plan = restrictTo(planned, keys);
  return rig.run(STUDY, { plan, ...wantedOf(plan, keys) });
}

describe('a job', () => {
  it('computes its bundle, and then there is nothing that it lacks', async () => {
    expect((await job('shared')).ran).toEqual(['shared']);
    const { ran, result } = await job('own', 'last');
    expect(ran).toEqual(['last', 'own']);
    expect(result).toMatchObject({ failed: 0, blocked: 0 });
  });

  it('does not make what another job was to make, and says whose result is missing', async () => {
    const { ran, events } = await job('own', 'last');
    expect(ran).toEqual([]);
    const failures = events.flatMap((event) => (event.event === 'node-end' && event.failure ? [event.failure] : []));
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'unavailable', what: 'shared/s0/r0/step' });
  });

  it('gathers whatever results there are', async () => {
    await job('shared');
    await job('own', 'last');
    const { ran, read } = await job('report');
    expect(ran).toEqual(['report']);
    expect(await read('report')).toContain('ofOther: missing');
  });

  it('has a result made again that another job needs and that has lost an artifact', async () => {
    await job('shared');
    const planned = await rig.plan(STUDY);
    const { record } = planned.at('shared');
    rig.cache.evict(record!.artifacts.text!);
    const { ran, result } = await job('own');
    expect(ran).toEqual(['own', 'shared']);
    expect(result.failed + result.blocked).toBe(0);
  });

  it('knows when the study has become another one', async () => {
    const plan = await rig.plan(STUDY);
    const key = plan.at('own').node.key;
    expect(lackingIn(plan, [key])).toEqual([]);
    rig.fingerprints.text = 'text-2';
    expect(lackingIn(await rig.plan(STUDY), [key])).toEqual([key]);
  });
});
