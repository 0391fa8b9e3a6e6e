/** The plan of a study as one job of a cluster sees it: what is not in its bundle is none of its business. */
import type { Failure } from '../../../base/failure.ts';
import { producersOf } from '../../dag-builder.ts';
import { isToRun, type Wanted } from '../../needed-nodes.ts';
import type { Plan } from '../../plan.ts';
import { placeOf } from '../../stage.ts';

/** @returns keys of the bundle that the plan does not have: the study, or its code, is another one by now */
export function lackingIn(plan: Plan, bundle: readonly string[]): string[] {
  return bundle.filter((key) => !plan.nodes.has(key));
}

/** What a job asks its run for: gathering nodes over whatever results there are, the others with what they need. */
export function wantedOf(plan: Plan, bundle: readonly string[]): Wanted {
  const gathers = (key: string) => Object.keys(plan.nodes.get(key)!.node.gathers).length > 0;
  return { targets: bundle.filter((key) => !gathers(key)), gather: bundle.filter(gathers) };
}

/**
 * Nodes without a result that other jobs were to make are blocked, with all that needs them: those jobs have ended by
 * then, and what made one of them fail would make this one fail, too. Results that have lost an artifact are made again
 * by whoever needs it.
 */
export function restrictTo(plan: Plan, bundle: readonly string[]): Plan {
  const own = new Set(bundle);
  const nodes = new Map<string, Plan['nodes'] extends Map<string, infer Planned> ? Planned : never>();
  for (const [key, planned] of plan.nodes) {
    const { node } = planned;
    const by = producersOf(node).find((producer) => nodes.get(producer.key)?.node.blocked !== undefined);
    const inherited = Object.keys(node.gathers).length > 0 ? undefined : by && nodes.get(by.key)!.node.blocked;
    const isElsewhere = isToRun(planned) && !own.has(key);
    const blocked = node.blocked ?? (isToRun(planned) ? inherited : undefined);
    if (blocked === undefined && !isElsewhere) nodes.set(key, planned);
    else {
      const blockage = blocked ?? { by: key, failure: isMadeElsewhere(placeOf(node.labels[0]!)) };
      const reason =
        blockage.by === key
          ? ({ kind: 'missing-input', failure: blockage.failure } as const)
          : ({
              kind: 'blocked',
              by: placeOf(nodes.get(blockage.by)!.node.labels[0]!),
              failure: blockage.failure,
            } as const);
      nodes.set(key, { ...planned, state: 'blocked', reason, node: { ...node, blocked: blockage } });
    }
  }
  return { ...plan, nodes };
}

function isMadeElsewhere(place: string): Failure {
  return {
    kind: 'unavailable',
    what: place,
    message: 'the job that was to make it has ended without a result',
    remedy: '`swp status` says what became of it; once that is mended, `swp submit` sends what is missing.',
  };
}
