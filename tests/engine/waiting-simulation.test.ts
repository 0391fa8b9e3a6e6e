/**
 * Waiting, tried in thousands of random orders: 2 to 8 processes with overlapping studies on one cache, some of them
 * killed, standing still or interrupted at random moments. Every survivor ends, no content is computed by two who live,
 * nobody waits while holding anything, and nothing is left behind.
 *
 *     SWP_SCHEDULES=20000 npx vitest run tests/engine/waiting-simulation.test.ts     more of them
 *     SWP_SCHEDULE=4711 npx vitest run tests/engine/waiting-simulation.test.ts       the one of this seed
 */
import { afterEach, expect, it, vi } from 'vitest';
import { stopLease } from '../../src/cache/lease-files.ts';
import type { ProcessIdentity } from '../../src/cache/process-identity.ts';
import type { CacheRecord } from '../../src/cache/record.ts';
import { UNKNOWN_HOLDER } from '../../src/cache/stored-lease.ts';
import { digestJson } from '../../src/base/digest.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { recipePreimage } from '../../src/engine/key.ts';
import { identify } from '../../src/engine/node-identity.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import { chainStops, pointOf } from '../../src/engine/trajectory.ts';
import { randomNumbers } from '../support/virtual-time.ts';
import { SimulatedGroup, type SimulatedStudy } from './simulated-group.ts';
import { label } from './rig.ts';

afterEach(() => void vi.restoreAllMocks());

/** Two heads whose results are the same bytes, so that what follows them is the same content by two recipes. */
const nodes = new Map<string, PlannedNode>();
const records = new Map<string, CacheRecord>();
const leaseNames: string[] = [];
add('head1', { makes: 'ab'.repeat(32), recipe: 1 });
add('head2', { makes: 'ab'.repeat(32), recipe: 2 });
add('other', {});
for (const head of ['1', '2']) {
  for (const to of [60, 100, 6_000]) add(`to${to}-${head}`, { to }, `head${head}`);
  add(`eval60-${head}`, {}, `to60-${head}`);
  add(`eval6000-${head}`, {}, `to6000-${head}`);
}

/** Overlapping, so that processes meet at every kind of node. */
const STUDIES: SimulatedStudy[] = [
  'head1 to60-1',
  'head1 to6000-1 eval6000-1',
  'head1 to60-1 to6000-1 eval60-1',
  'head2 to60-2 to100-2 other',
  'head1 head2 to60-1 to60-2 to100-1',
  'head1 head2 to60-1 to100-2 to6000-2 eval6000-2',
  'head2 to100-2 to6000-2',
  'other head2 to60-2 eval60-2',
].map((names) => {
  const chosen = names.split(' ').map((name) => nodes.get(name)!);
  return { nodes: chosen, stopBefore: chainStops(chosen) };
});

function add(name: string, params: JsonObject, from?: string): void {
  const isStop = 'to' in params;
  const inputs: PlannedNode['inputs'] =
    from === undefined ? {} : { from: { key: nodes.get(from)!.key, artifact: 'out' } };
  const stage = {
    name: isStop ? 'count' : name.split('-')[0]!,
    ...(isStop && { trajectory: () => ({ length: 'to', state: ['out'] }) }),
  } as unknown as PlannedNode['stage'];
  const work = { stage: stage.name, code: 'code', computes: null, params, files: {} };
  const preimage = recipePreimage(work, inputs, {});
  const node = { stage, params, inputs, gathers: {}, files: [], labels: [label(name)], preimage };
  const planned = { ...node, key: digestJson(preimage) };
  nodes.set(name, planned);
  const { key, contentKey, contentPreimage } = identify(planned, (producer) => records.get(producer));
  const artifacts = { out: { sha256: (params.makes as string | undefined) ?? contentKey, bytes: 1, file: 'out' } };
  records.set(key, { id: key, key, contentKey, preimage, contentPreimage, artifacts } as unknown as CacheRecord);
  const point = pointOf(planned, contentPreimage);
  leaseNames.push(point === undefined ? contentKey : stopLease(point.trajectory, point.at));
}

interface Figures {
  processes: number;
  kills: number;
  standstills: number;
  interrupts: number;
  planted: number;
  computed: number;
  waits: number;
  steps: number;
  hours: number;
}

async function tryOrder(seed: number, figures: Figures): Promise<void> {
  const random = randomNumbers(seed);
  vi.spyOn(Math, 'random').mockImplementation(random);
  const group = new SimulatedGroup(random);
  const { time } = group;
  const chance = (probability: number) => random() < probability;
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)]!;
  /** Early, when all begin; while short jobs run; or while long ones do. */
  const moment = () => random() * pick([20, 1_500, 15_000]);

  for (const head of ['head1', 'head2']) if (chance(0.5)) group.publish(records.get(nodes.get(head)!.key)!);
  const count = 2 + Math.floor(random() * 7);
  for (let index = 0; index < count; index++) {
    const identity: ProcessIdentity = {
      host: 'a-name-for-all',
      user: 'ann',
      pid: 100 + index,
      space: pick(['space 1', 'space 2']),
      started: '1',
    };
    const process = group.start(pick(STUDIES), identity, 1 + Math.floor(random() * 2));
    time.after(moment() / 3, () => void process.run().catch((error: Error) => group.fault(error.stack!)), process);
    figures.processes++;
    const act = (probability: number, deed: () => void) =>
      chance(probability) && time.after(moment(), () => process.isOver || process.isKilled || deed());
    act(0.25, () => {
      process.isKilled = true;
      figures.kills++;
    });
    act(0.2, () => {
      process.stillUntil = time.now + random() * 9_000;
      figures.standstills++;
    });
    act(0.1, () => {
      process.interrupt();
      figures.interrupts++;
    });
  }
  for (const name of leaseNames)
    if (chance(0.03)) {
      const holder = pick([
        UNKNOWN_HOLDER,
        { ...group.processes[0]!.identity, id: 'never-heard-of', since: '', place: '' },
      ]);
      group.leases.set(name, { nonce: `planted ${name}`, holder: { ...holder, place: 'nowhere' } });
      figures.planted++;
    }

  try {
    await time.run(() => group.processes.every(({ isOver, isKilled }) => isOver || isKilled), {
      steps: 200_000,
      milliseconds: 4 * 3600_000,
    });
  } catch (error) {
    group.fault(`${(error as Error).message}; ${group.processes.filter((each) => !each.isOver).length} have not ended`);
  }
  for (const { identity, isKilled, isOver, endings, interruptedAt } of group.processes) {
    if (isKilled || !isOver) continue;
    for (const [key, { kind }] of endings)
      if (
        !['cached', 'reused', 'ran', 'failed', 'blocked', ...(interruptedAt === undefined ? [] : ['stopped'])].includes(
          kind,
        )
      )
        group.fault(`${placeOfKey(key)} of process ${identity.pid} ends as ${kind}`);
    for (const { holder } of group.leases.values())
      if (holder.pid === identity.pid && holder.place !== 'nowhere')
        group.fault(`process ${identity.pid} leaves a lease`);
  }
  figures.computed += group.computed;
  figures.waits += group.waits;
  figures.steps += time.steps;
  figures.hours += time.now / 3600_000;
  if (group.faults.length > 0)
    throw new Error(`SWP_SCHEDULE=${seed}: ${count} processes\n${group.faults.slice(0, 5).join('\n')}`);
}

function placeOfKey(key: string): string {
  return [...nodes].find(([, node]) => node.key === key)![0];
}

it('nobody waits for ever, holds anything while waiting, or computes what another one does', async () => {
  const { SWP_SCHEDULE: one, SWP_SCHEDULES: many = '2000' } = process.env;
  const figures: Figures = {
    processes: 0,
    kills: 0,
    standstills: 0,
    interrupts: 0,
    planted: 0,
    computed: 0,
    waits: 0,
    steps: 0,
    hours: 0,
  };
  const begin = performance.now();
  const first = one === undefined ? 1 : Number(one);
  const count = one === undefined ? Number(many) : 1;
  for (let seed = first; seed < first + count; seed++) await tryOrder(seed, figures);
  if (process.env.SWP_SCHEDULES !== undefined)
    console.log({ schedules: count, ...figures, seconds: (performance.now() - begin) / 1000 });
  if (one === undefined) expect(Math.min(...Object.values(figures))).toBeGreaterThan(0);
});
