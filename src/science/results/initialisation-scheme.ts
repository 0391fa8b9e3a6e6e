/** How an experiment's models start. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';

/** The declared init.scheme, undefined where the experiment has no such parameter. */
export function initScheme({ params }: ExperimentDeclaration): string | undefined {
  const scheme = (params['init'] as { scheme?: unknown } | undefined)?.scheme;
  return typeof scheme === 'string' ? scheme : undefined;
}
