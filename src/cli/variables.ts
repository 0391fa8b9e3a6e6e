/** The variables of the environment that swp reads. One that is mistyped would be passed over in silence. */
import { nearestName } from '../base/nearest-name.ts';
import type { Terminal } from './terminal.ts';

const VARIABLES = ['SWP_PROFILE', 'SWP_CACHE', 'SWP_GPUS', 'SWP_TFJS_NODE'];

/** Says which variables look like one of swp's and are none. */
export function writeMistypedVariables(env: NodeJS.ProcessEnv, terminal: Pick<Terminal, 'errorLine'>): void {
  for (const name of Object.keys(env).filter((each) => /^SWP_/i.test(each) && !VARIABLES.includes(each))) {
    const nearest = nearestName(name, VARIABLES) ?? VARIABLES.find((each) => each === name.toUpperCase());
    if (nearest !== undefined) terminal.errorLine(`warning: swp reads no variable ${name}. Did you mean ${nearest}?`);
  }
}
