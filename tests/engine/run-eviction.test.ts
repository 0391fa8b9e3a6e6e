/** Eviction during a run: what no planned node needs any more goes, and nothing that anybody needs. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Rig, type ToyRun, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

/** Its text is evictable, its total is not. */
const count = (to: number, from?: string): ToyStudy[string] => ({
  stage: 'count',
  params: { to },
  ...(from !== undefined && { from }),
});

/** One run of three rounds, each with a measurement of its text. */
const study: ToyStudy = {
  'A/s0/r1/train': count(3),
  'A/s0/r1/eval': { from: 'A/s0/r1/train' },
  'A/s0/r2/train': count(4, 'A/s0/r1/train'),
  'A/s0/r2/eval': { from: 'A/s0/r2/train' },
};
const TRAININGS = ['A/s0/r1/train', 'A/s0/r2/train'];

/** Which of the trainings have their text. */
async function kept(of: ToyStudy, run: ToyRun, places = TRAININGS): Promise<string[]> {
  const { keys } = await rig.build(of);
  return places.filter((place) => rig.cache.hasArtifact(run.result.records.get(keys[place]!)!.artifacts.text!));
}

it('all stays by default; last keeps what the last node of each run made, none keeps nothing', async () => {
  const run = await rig.run(study);
  expect(await kept(study, run)).toEqual(TRAININGS);
  expect(run.result.evicted).toBeUndefined();
  for (const [keep, left] of [['last', ['A/s0/r2/train']] as const, ['none', []] as const]) {
    await rig.remove();
    rig = await Rig.create();
    const sparing = await rig.run(study, { keep });
    expect(await kept(study, sparing)).toEqual(left);
    expect(sparing.result).toMatchObject({ ran: 4, warnings: [], evicted: { artifacts: 2 - left.length } });
    expect((await rig.run(study, { keep })).result).toMatchObject({ cached: 4, ran: 0 });
  }
});

it('what was evicted is computed again when a later run asks for it, and goes again', async () => {
  await rig.run(study, { keep: 'none' });
  const more: ToyStudy = { ...study, 'A/s0/r3/train': count(5, 'A/s0/r2/train') };
  const run = await rig.run(more, { keep: 'none' });
  const ran = run.events.flatMap((event) =>
    event.event === 'node-end' && event.outcome === 'ran' ? [event.label] : [],
  );
  expect(ran.map(({ round, step }) => `r${round}/${step}`)).toEqual(['r1/train', 'r2/train', 'r3/train']);
  expect(await kept(more, run, [...TRAININGS, 'A/s0/r3/train'])).toEqual([]);
});

it('a node that the run was not asked for, or that failed, keeps what it will need', async () => {
  const run = await rig.run(study, { keep: 'none', only: ['A/s0/r1/eval'] });
  expect(await kept(study, run, ['A/s0/r1/train'])).toEqual(['A/s0/r1/train']);

  const failing: ToyStudy = { B: count(6), C: { from: 'B', params: { do: 'throw' } } };
  expect(await kept(failing, await rig.run(failing, { keep: 'none' }), ['B'])).toEqual(['B']);
});

it('what another study refers to stays, under whatever key it has it', async () => {
  const other = await rig.study('other.json');
  const theirs: ToyStudy = { 'X/s0/r1/train': count(3) };
  // It has begun, and takes the result of the same content when it comes to it.
  const [key] = Object.values((await rig.build(theirs)).keys);
  await other.begin([key!]);
  const run = await rig.run(study, { keep: 'none' });
  expect(await kept(study, run)).toEqual(['A/s0/r1/train']);
});

it('of a virtual artifact the parts stay as long as somebody needs it', async () => {
  const virtual: ToyStudy = {
    A: count(3),
    J: { stage: 'joined', from: 'A', params: { end: '-first' } },
    T: { from: 'J' },
    U: { from: 'T', params: { do: 'throw' } },
  };
  const ended: string[] = [];
  const run = await rig.run(virtual, {
    keep: 'none',
    onEvent: (event) => event.event === 'node-end' && ended.push(`${event.label.experiment} ${event.outcome}`),
  });
  expect(ended).toEqual(['A ran', 'J ran', 'T ran', 'U failed']); // A did not run twice
  expect(await kept(virtual, run, ['A', 'J'])).toEqual([]);
});

it('a later stop of the same trajectory finds the state from which it goes on', async () => {
  const stops: ToyStudy = { A: count(3), B: { ...count(7) }, C: { from: 'B' } };
  const run = await rig.run(stops, { keep: 'none' });
  const resumed = run.events.flatMap((event) => (event.event === 'node-start' ? [event.resumedAt] : []));
  expect(resumed).toEqual([undefined, 3, undefined]);
  expect(await kept(stops, run, ['A', 'B'])).toEqual([]);
});

it('of many runs, what only reads large artifacts goes before what makes more of them', async () => {
  const runs = Array.from({ length: 8 }, (_, index) => `R${index}`);
  const many: ToyStudy = Object.assign(
    {},
    ...runs.map((name, index) => ({
      [`${name}/s0/r1/train`]: { ...count(2), params: { to: 2, say: name } },
      [`${name}/s0/r1/eval`]: { from: `${name}/s0/r1/train` },
      [`${name}/s0/r2/train`]: { ...count(20 + index, `${name}/s0/r1/train`) },
      [`${name}/s0/r2/eval`]: { from: `${name}/s0/r2/train` },
    })),
  );
  /** The most trained texts that were there at a time. */
  const most = async (keep: 'all' | 'none'): Promise<number> => {
    const unread = new Set<string>();
    let most = 0;
    await rig.run(many, {
      keep,
      jobs: 1,
      onEvent: (event) => {
        if (event.event !== 'node-end') return;
        const { experiment, round, step } = event.label;
        if (step === 'train') unread.add(`${experiment} ${round}`);
        else unread.delete(`${experiment} ${round}`);
        most = Math.max(most, unread.size);
      },
    });
    return most;
  };
  for (const keep of ['none', 'all'] as const) {
    expect(await most(keep)).toBeLessThanOrEqual(4); // so many of a stage go before all others
    await rig.remove();
    rig = await Rig.create();
  }
});
