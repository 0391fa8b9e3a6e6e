/**
 * The standard DAG by reference: `"dag": "standard"`, or `{ "extends": "standard", "steps": [...] }` for that one with
 * steps of one's own. It is written out here, so that everything behind reads one list of steps, and keys are the same
 * as those of a copy.
 */
import standardDag from '../../templates/standard-dag.json' with { type: 'json' };
import type { JsonPath } from '../base/json-source.ts';
import { nearestName, quoted } from '../base/nearest-name.ts';
import type { AddedStep, PipelineFile, RepeatedSteps, Step } from '../generated/pipeline.ts';
import type { Diagnostics } from './diagnostics.ts';

type WrittenDag = PipelineFile['dag'];

/** What a study may write, once its shape is checked. */
type DeclaredDag = WrittenDag | 'standard' | { extends: 'standard'; steps: AddedStep[] };

/** Says of a mistake in a step that the study has not written itself where the step comes from. */
const OF_STANDARD = 'the standard DAG';

/**
 * @param declared `dag` as the file has it, of a shape that the schema allows
 * @param hasText whether the study declares a corpus; without one, the standard DAG has no step for it
 * @returns all steps in the order in which they flow; mistakes of added steps are reported
 */
export function writeOutDag(declared: DeclaredDag, diagnostics: Diagnostics, hasText: boolean): WrittenDag {
  if (Array.isArray(declared)) return declared;
  const whole = structuredClone(standardDag) as unknown as WrittenDag;
  const dag = hasText ? whole : withoutText(whole);
  const added = new Map<Step, JsonPath>();
  if (declared !== 'standard') {
    const extension = new Extension(dag, added, diagnostics);
    for (const [index, step] of declared.steps.entries()) extension.add(step, ['dag', 'steps', index]);
  }
  notePlaces(dag, added, diagnostics);
  return dag;
}

/** Without the step that turns a text into tokens, and what is read of it. */
function withoutText(dag: WrittenDag): WrittenDag {
  const without = (steps: Step[]): Step[] =>
    steps
      .filter(({ stage }) => stage !== 'tokenize')
      .map(({ inputs: { tokens: _, ...inputs } = {}, ...step }) =>
        Object.keys(inputs).length === 0 ? step : { ...step, inputs },
      );
  return dag.flatMap((entry): WrittenDag =>
    'repeat' in entry ? [{ ...entry, steps: without(entry.steps) as RepeatedSteps['steps'] }] : without([entry]),
  );
}

/** Mistakes in an added step are shown there, those in a standard one at the word that stands for all of them. */
function notePlaces(dag: WrittenDag, added: ReadonlyMap<Step, JsonPath>, { origins }: Diagnostics): void {
  const note = (step: Step, path: JsonPath) => {
    const own = added.get(step);
    if (own === undefined) origins.set(path, ['dag', 'extends'], step.step, OF_STANDARD);
    else origins.set(path, own, '');
  };
  for (const [index, entry] of dag.entries()) {
    if (!('repeat' in entry)) note(entry, ['dag', index]);
    else for (const [inner, step] of entry.steps.entries()) note(step, ['dag', index, 'steps', inner]);
  }
}

/** Adds steps to a DAG, in place. */
class Extension {
  readonly #dag: WrittenDag;
  /** Where each added step stands in the file. */
  readonly #added: Map<Step, JsonPath>;
  readonly #diagnostics: Diagnostics;

  constructor(dag: WrittenDag, added: Map<Step, JsonPath>, diagnostics: Diagnostics) {
    this.#dag = dag;
    this.#added = added;
    this.#diagnostics = diagnostics;
  }

  add({ after, final, ...step }: AddedStep, path: JsonPath): void {
    const block = this.#insert(step, after, path);
    this.#added.set(step, path);
    if (final === undefined) return;
    if (block === undefined)
      this.#diagnostics.add({
        path: [...path, 'final'],
        mark: 'key',
        message: `Step ${quoted(step.step)} is not repeated, so that there is no last time.`,
        expected: '"final" of steps behind a repeated one alone',
      });
    else block.final = [...(block.final ?? []).filter((name) => name !== step.step), ...(final ? [step.step] : [])];
  }

  /** @returns the repeated block, if it is in there */
  #insert(step: Step, after: string | undefined, path: JsonPath): RepeatedSteps | undefined {
    const same = this.#find(step.step);
    // A second step of one name is a mistake of the study, which is found where its steps are declared.
    if (same !== undefined && !this.#added.has(same.list[same.index] as Step)) {
      if (after !== undefined)
        this.#diagnostics.add({
          path: [...path, 'after'],
          mark: 'key',
          message: `Step ${quoted(step.step)} takes the place of the standard one.`,
          expected: 'no "after" here, or another name for a step of its own',
        });
      same.list[same.index] = step;
      return same.block;
    }
    const before = after === undefined ? undefined : this.#find(after);
    if (before === undefined) {
      if (after !== undefined) this.#diagnostics.addUnknown('The step', after, () => this.#names(), [...path, 'after']);
      else this.#refuseSlip(step.step, step.stage, path);
      this.#dag.push(step);
      return undefined;
    }
    before.list.splice(before.index + 1, 0, step);
    return before.block;
  }

  /**
   * A slip in the name of a standard step would add a second one in place of taking the place of the first. Only a step
   * of the same stage is compared with it, or one whose stage no standard step has.
   */
  #refuseSlip(name: string, stage: string, path: JsonPath): void {
    const standard = this.#steps().filter((each) => !this.#added.has(each));
    const alike = standard.filter((each) => each.stage === stage);
    const meant = nearestName(
      name,
      (alike.length > 0 ? alike : standard).map(({ step }) => step),
    );
    if (meant === undefined) return;
    this.#diagnostics.add({
      path: [...path, 'step'],
      message: `The standard DAG has no step ${quoted(name)} whose place this one could take.`,
      expected: 'the name of one of its steps, or "after", which says that this is a step of its own',
      suggestion: meant,
    });
  }

  /** The list that a step is in, and the block if it is a repeated one. */
  #find(name: string): { list: WrittenDag; index: number; block?: RepeatedSteps } | undefined {
    for (const [index, entry] of this.#dag.entries()) {
      if (!('repeat' in entry)) {
        if (entry.step === name) return { list: this.#dag, index };
        continue;
      }
      const inner = entry.steps.findIndex(({ step }) => step === name);
      if (inner !== -1) return { list: entry.steps, index: inner, block: entry };
    }
    return undefined;
  }

  #names(): string[] {
    return this.#steps().map(({ step }) => step);
  }

  #steps(): Step[] {
    return this.#dag.flatMap((entry) => ('repeat' in entry ? entry.steps : [entry]));
  }
}
