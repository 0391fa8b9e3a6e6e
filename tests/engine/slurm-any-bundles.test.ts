/** What holds of bundles whatever the DAG is, also of one that no study makes. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { producersOf } from '../../src/engine/dag-builder.ts';
import { cutIntoBundles, type Bundle, type CutOptions } from '../../src/engine/executors/slurm/bundles.ts';
import type { Bundling } from '../../src/engine/executors/slurm/settings.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import { placeOf } from '../../src/engine/stage.ts';
import { chainStops } from '../../src/engine/trajectory.ts';
import { Rig, type ToyStudy } from './rig.ts';

interface Settings {
  partition: string;
}

let rig: Rig;
beforeAll(async () => void (rig = await Rig.create()));
afterAll(() => rig.remove());

/** Any DAG that the engine can have. */
const anyStudy = fc
  .array(
    fc.record({
      experiment: fc.constantFrom('A', 'B', 'C'),
      seed: fc.nat(1),
      stage: fc.constantFrom('text', 'text', 'text', 'count', 'count', 'list'),
      from: fc.option(fc.nat(), { freq: 5 }),
      and: fc.option(fc.nat(), { freq: 1 }),
      all: fc.array(fc.nat(), { maxLength: 4 }),
      say: fc.constantFrom('x', 'y'),
      to: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 24 },
  )
  .map((steps) => {
    const study: ToyStudy = {};
    for (const [index, { experiment, seed, stage, from, and, all, say, to }] of steps.entries()) {
      const places = Object.keys(study);
      const pick = (number: number | null) =>
        number === null || places.length === 0 ? undefined : places[number % places.length];
      const [first, second] = [pick(from), pick(and)];
      study[`${experiment}/s${seed}/r${index}/step`] =
        stage === 'list'
          ? { stage, all: all.flatMap((number) => pick(number) ?? []) }
          : {
              stage: stage as 'text' | 'count',
              ...(first !== undefined && { from: first }),
              ...(second !== undefined && stage === 'text' && { and: second }),
              params: { say, ...(stage === 'count' && { to }) },
            };
    }
    return study;
  });

/** What is known of nodes, drawn by their keys. */
const anyOptions = fc
  .record({
    rule: fc.constantFrom<Bundling>('run', 'node', { minutes: 1 }, { minutes: 30 }),
    salt: fc.nat(1000),
    held: fc.boolean(),
  })
  .map(({ rule, salt, held }): CutOptions<Settings> => {
    const drawn = (key: string, of: number) => (Number.parseInt(key.slice(0, 8), 16) + salt) % of;
    return {
      rule,
      settingsOf: ({ key }) => ({ partition: drawn(key, 5) === 0 ? 'cpu' : 'gpu' }),
      secondsOf: ({ key }) => [undefined, 5, 20, 50, 700, 4000][drawn(key, 6)],
      heldBy: (key) => (held && drawn(key, 7) === 0 ? `7_${drawn(key, 3)}` : undefined),
    };
  });

const isGathering = ({ gathers }: PlannedNode) => Object.keys(gathers).length > 0;

const check = (holds: (nodes: PlannedNode[], bundles: Bundle<Settings>[], options: CutOptions<Settings>) => void) =>
  fc.assert(
    fc.asyncProperty(anyStudy, anyOptions, async (study, options) => {
      const { dag } = await rig.build(study);
      const nodes = dag.mapNodes((_, node) => node);
      holds(nodes, cutIntoBundles(nodes, options), options);
    }),
    { numRuns: 100 },
  );

it('every node is in a bundle or held; what gathers is in one of its own', () =>
  check((nodes, bundles, { heldBy, rule }) => {
    const cut = bundles.flatMap(({ nodes }) => nodes);
    const open = nodes.filter((node) => isGathering(node) || heldBy!(node.key) === undefined);
    expect(new Set(cut)).toEqual(new Set(open.map(({ key }) => key)));
    if (rule === 'node') expect(bundles).toHaveLength(open.length);
    for (const { key } of nodes.filter(isGathering))
      expect(bundles.filter(({ nodes }) => nodes.includes(key)).map(({ nodes }) => nodes)).toEqual([[key]]);
  }));

it('what a bundle needs is in itself, before it, or in what it waits for', () =>
  check((nodes, bundles, { heldBy }) => {
    const byKey = new Map(nodes.map((node) => [node.key, node]));
    const stopBefore = chainStops(nodes);
    const ended: Set<string>[] = [];
    for (const [index, bundle] of bundles.entries()) {
      const reached = new Set<string>();
      for (const before of bundle.after) {
        if (typeof before === 'string') reached.add(before);
        else {
          expect(before).toBeLessThan(index);
          for (const each of [...bundles[before]!.nodes, ...ended[before]!]) reached.add(each);
        }
      }
      ended.push(reached);
      for (const [position, key] of bundle.nodes.entries()) {
        const stop = stopBefore.get(key);
        const needed = [...producersOf(byKey.get(key)!).map((each) => each.key), ...(stop === undefined ? [] : [stop])];
        for (const need of needed) {
          const inside = bundle.nodes.indexOf(need);
          const isThere = inside >= 0 ? inside < position : reached.has(need) || reached.has(heldBy!(need) ?? '');
          expect(isThere, `${need} for ${key}`).toBe(true);
        }
      }
    }
  }));

it('a bundle has one kind of settings, nothing twice, and a name of its own', () =>
  check((nodes, bundles, { settingsOf }) => {
    const byKey = new Map(nodes.map((node) => [node.key, node]));
    for (const { nodes, places, settings, name } of bundles) {
      expect(new Set(nodes).size).toBe(nodes.length);
      expect(places).toEqual(nodes.map((key) => placeOf(byKey.get(key)!.labels[0]!)));
      for (const key of nodes) expect(settingsOf(byKey.get(key)!)).toEqual(settings);
      expect(name.length).toBeLessThanOrEqual(40);
    }
    expect(new Set(bundles.map(({ name }) => name)).size).toBe(bundles.length);
  }));

it('no bundle waits for what another one of those that it waits for has waited for', () =>
  check((_, bundles) => {
    const reached: Set<number | string>[] = [];
    for (const { after } of bundles) {
      const before = after.filter((each) => typeof each === 'number').map((each) => reached[each]!);
      for (const each of after) expect(before.some((others) => others.has(each))).toBe(false);
      reached.push(new Set([...after, ...before.flatMap((others) => [...others])]));
    }
  }));

it('with minutes, none is much longer, but for a node that is', () =>
  check((nodes, bundles, { rule, secondsOf }) => {
    // What is short and shared goes along besides.
    if (typeof rule !== 'object' || nodes.some((node) => secondsOf(node)! < 60)) return;
    const byKey = new Map(nodes.map((node) => [node.key, node]));
    for (const { seconds, nodes } of bundles) {
      if (seconds === null) continue;
      const times = nodes.map((key) => secondsOf(byKey.get(key)!)!);
      expect(seconds).toBeLessThanOrEqual(1.1 * Math.max(rule.minutes * 60, ...times));
    }
  }));

it('is the same for the same', () =>
  check((nodes, bundles, options) => expect(cutIntoBundles([...nodes], options)).toEqual(bundles)));
