/** A declared comparison with its arms. */
import type { ComparisonDeclaration } from '../../generated/aggregate.ts';
import type { Arm } from './arm.ts';
import { split } from './arm.ts';

export interface Comparison {
  declaration: ComparisonDeclaration;
  /** arms[0] of the declaration. */
  baseline: Arm;
  others: Arm[];
}

export function armsOf({ baseline, others }: Comparison): Arm[] {
  return [baseline, ...others];
}

/** Whether "varies" names the variable. */
export function names({ declaration }: Comparison, variable: string): boolean {
  return declaration.varies.includes(variable);
}

/** Whether one of the named variables is this parameter, of whichever stage or step. */
export function namesParameter({ declaration }: Comparison, param: string): boolean {
  return declaration.varies.some((variable) => split(variable).param === param);
}
