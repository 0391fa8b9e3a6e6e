/** Whether something that was read is a failure: what shows failures believes their type. */
import type { Failure } from './failure.ts';
import { isFlag, isNumber, isText, listOf, objectOf, optional, textLike, type ShapeCheck } from './json-shape.ts';

/** They stand in the middle of a line: more of them would look like lines of swp's own. */
const NAMES = ['stage', 'node', 'what', 'job', 'bundle', 'operation', 'code', 'signal'];
const isName = textLike(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/);

/** With a `?`, one may be missing. */
const texts = (...names: string[]): Record<string, ShapeCheck> =>
  Object.fromEntries(
    names.map((each) => {
      const name = each.replace('?', '');
      const check = NAMES.includes(name) ? isName : isText;
      return [name, each === name ? check : optional(check)];
    }),
  );

const FIELDS: Readonly<Record<Failure['kind'], Record<string, ShapeCheck>>> = {
  study: {
    ...texts('message', 'expected?', 'suggestion?'),
    at: objectOf({ ...texts('file', 'text'), line: isNumber, column: isNumber, length: isNumber }),
  },
  several: { failures: (value) => listOf(isFailure)(value), more: isNumber },
  usage: texts('message', 'expected?', 'suggestion?', 'lacks?'),
  file: texts('path', 'operation', 'code', 'remedy'),
  system: texts('operation', 'code', 'remedy'),
  content: texts('path', 'message', 'remedy'),
  'not-finite': texts('message', 'remedy'),
  unavailable: texts('what', 'message', 'remedy'),
  scheduler: { ...texts('message', 'remedy'), answers: isFlag },
  install: texts('what', 'message', 'remedy'),
  'other-bits': { ...texts('stage', 'node', 'before', 'now'), artifacts: listOf(isText) },
  'file-changed': texts('path', 'stage', 'change?'),
  stage: { ...texts('stage', 'node', 'message', 'log?'), cause: optional((value) => isFailure(value)) },
  'out-of-memory': texts('stage', 'node', 'message', 'log?'),
  'memory-limit': { ...texts('stage', 'node', 'log?'), limit: isNumber, reached: isNumber },
  'worker-died': { ...texts('stage', 'node', 'signal?', 'log?'), exitCode: optional(isNumber) },
  'worker-not-started': texts('stage', 'node', 'command', 'message', 'code?', 'said?'),
  job: texts('job', 'bundle', 'message', 'remedy', 'log?'),
  stopped: texts('signal'),
};
const CHECKS: ReadonlyMap<unknown, ShapeCheck> = new Map(
  Object.entries(FIELDS).map(([kind, checks]) => [kind, objectOf(checks)]),
);

/** @param value not nested too deeply: parseBoundedJson */
export const isFailure: ShapeCheck = (value) =>
  objectOf({ kind: isText })(value) && CHECKS.get((value as { kind: string }).kind)?.(value) === true;
