/** Do the arms of a comparison differ in exactly the variables that it names, and what follows from them? */
import { listed } from '../../base/listed.ts';
import { percent } from '../../base/number-text.ts';
import { split } from './arm.ts';
import { armsOf, names, type Comparison } from './comparison.ts';
import { finalSparsity, sequencesSeen, totalSteps } from './consequences.ts';
import { acts, commonNodes, differingVariables, differs, wiringDifferences } from './contrast.ts';
import { finding, type LintFinding } from './finding.ts';
import { countText, valueText } from './value-text.ts';

/** How a result is computed, not what: to mix these inside a comparison confounds it, whatever else it names. */
const OF_MACHINE = ['engine', 'device', 'precision'];

/**
 * Every further arm may differ from the first one in the named variables alone: in parameters of all rounds, and in how
 * steps are connected.
 */
export function oneVariable(comparison: Comparison): LintFinding[] {
  const { declaration, baseline, others } = comparison;
  return others.flatMap((arm) => {
    const differing = differingVariables(baseline, arm);
    const further = differing.filter((variable) => !names(comparison, variable) && !isOfMachine(variable));
    const named = listed(declaration.varies);
    if (further.length > 0) {
      const values = further.map(
        (variable) =>
          `${variable} is ${valueText(baseline.value(variable))} in ${baseline.id}, ${valueText(arm.value(variable))} in ${arm.id}`,
      );
      return [
        finding(
          'one-variable',
          declaration.name,
          [baseline.id, arm.id],
          `${baseline.id} and ${arm.id} differ in more than ${named}: ${values.join('; ')}.`,
        ),
      ];
    }
    // Connections follow from parameters; where no parameter differs, something else has changed them.
    const wiring = differing.length === 0 ? wiringDifferences(baseline, arm) : [];
    return wiring.length > 0
      ? [
          finding(
            'one-variable',
            declaration.name,
            [baseline.id, arm.id],
            `${baseline.id} and ${arm.id} are connected differently, though ${named} does not differ: ${wiring.join('; ')}.`,
          ),
        ]
      : [];
  });
}

/** A named variable must differ in a step that runs, and every further arm must have a node of its own. */
export function neverActs(comparison: Comparison): LintFinding[] {
  const { declaration, baseline, others } = comparison;
  const findings: LintFinding[] = [];
  for (const arm of others) {
    const nodes = commonNodes(baseline, arm);
    if (nodes !== undefined)
      findings.push(
        finding(
          'never-acts',
          declaration.name,
          [baseline.id, arm.id],
          `${baseline.id} and ${arm.id} are the same: all ${nodes} nodes of a run are shared.`,
        ),
      );
  }
  const arms = armsOf(comparison);
  for (const variable of declaration.varies) {
    if (acts(variable, arms)) continue;
    const ids = arms.map(({ id }) => id);
    const why = differs(variable, arms)
      ? 'differs only where no step takes it'
      : `is ${valueText(baseline.value(variable))} in all arms`;
    findings.push(finding('never-acts', declaration.name, ids, `${variable} is named, but ${why}.`));
  }
  return findings;
}

/** One engine, device and precision in all arms, stage by stage. One build computes them, so their code is the same. */
export function mixedDevice(comparison: Comparison): LintFinding[] {
  const { declaration, baseline, others } = comparison;
  return others.flatMap((arm) => {
    const mixed = differingVariables(baseline, arm).filter(
      (variable) => isOfMachine(variable) && !names(comparison, variable),
    );
    if (mixed.length === 0) return [];
    const values = mixed.map(
      (variable) =>
        `${variable} is ${valueText(baseline.value(variable))} in ${baseline.id}, ${valueText(arm.value(variable))} in ${arm.id}`,
    );
    return [
      finding(
        'mixed-device',
        declaration.name,
        [baseline.id, arm.id],
        `${baseline.id} and ${arm.id} are not computed alike: ${values.join('; ')}.`,
      ),
    ];
  });
}

/** What differs because the named variables do. */
export function consequence(comparison: Comparison): LintFinding[] {
  const arms = armsOf(comparison);
  const quantities = [
    ['final sparsity', finalSparsity, (share: number, apart: readonly number[]) => percent(share, 1, apart)],
    ['training steps', totalSteps, countText],
    ['sequences seen', sequencesSeen, countText],
  ] as const;
  const told = quantities.flatMap(([what, of, text]) => {
    // Shares that only the last digits tell apart were computed by other ways to one number.
    const values = arms.flatMap((arm) => {
      const value = of(arm);
      return value === undefined ? [] : [Number(value.toPrecision(12))];
    });
    return values.length === arms.length && new Set(values).size > 1
      ? [`${what} ${arms.map(({ id }, index) => `${text(values[index]!, values)} (${id})`).join(', ')}`]
      : [];
  });
  const wired = comparison.others.flatMap((arm) =>
    differingVariables(comparison.baseline, arm).length > 0 ? wiringDifferences(comparison.baseline, arm) : [],
  );
  const all = [...told, ...new Set(wired)];
  if (all.length === 0) return [];
  return [
    finding(
      'consequence',
      comparison.declaration.name,
      arms.map(({ id }) => id),
      `It follows that these differ as well: ${all.join('; ')}.`,
    ),
  ];
}

function isOfMachine(variable: string): boolean {
  return OF_MACHINE.includes(split(variable).param);
}
