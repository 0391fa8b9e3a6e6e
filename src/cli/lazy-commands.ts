/**
 * The bodies of the commands, each loaded when its command is chosen, so that `swp --help` does not load what planning,
 * running or rendering takes. Everything below imports statically; the few exceptions say why.
 */

/** @param load imports a module and picks the function to call */
function whenChosen<Parameters extends unknown[]>(
  load: () => Promise<(...parameters: Parameters) => void | Promise<void>>,
): (...parameters: Parameters) => Promise<void> {
  return async (...parameters) => (await load())(...parameters);
}

export const accept = whenChosen(async () => (await import('./commands/accept.ts')).accept);
export const bundle = whenChosen(async () => (await import('./commands/bundle.ts')).bundle);
export const verifyBundle = whenChosen(async () => (await import('./commands/bundle-verify.ts')).verifyBundle);
export const cancel = whenChosen(async () => (await import('./commands/cancel.ts')).cancel);
export const dag = whenChosen(async () => (await import('./commands/dag.ts')).dag);
export const detect = whenChosen(async () => (await import('./commands/detect.ts')).detect);
export const diff = whenChosen(async () => (await import('./commands/diff.ts')).diff);
export const doctor = whenChosen(async () => (await import('./commands/doctor.ts')).doctor);
export const estimate = whenChosen(async () => (await import('./commands/estimate.ts')).estimate);
export const explain = whenChosen(async () => (await import('./commands/explain.ts')).explain);
export const exportGraph = whenChosen(async () => (await import('./commands/export.ts')).exportGraph);
export const gc = whenChosen(async () => (await import('./commands/gc.ts')).gc);
export const history = whenChosen(async () => (await import('./commands/history.ts')).history);
export const init = whenChosen(async () => (await import('./commands/init.ts')).init);
export const invalidate = whenChosen(async () => (await import('./commands/invalidate.ts')).invalidate);
export const lint = whenChosen(async () => (await import('./commands/lint.ts')).lint);
export const logs = whenChosen(async () => (await import('./commands/logs.ts')).logs);
export const metrics = whenChosen(async () => (await import('./commands/metrics.ts')).metrics);
export const metricsDiff = whenChosen(async () => (await import('./commands/metrics.ts')).metricsDiff);
export const plots = whenChosen(async () => (await import('./commands/plots.ts')).plots);
export const report = whenChosen(async () => (await import('./commands/report.ts')).report);
export const repro = whenChosen(async () => (await import('./commands/repro.ts')).repro);
export const show = whenChosen(async () => (await import('./commands/show.ts')).show);
export const status = whenChosen(async () => (await import('./commands/status.ts')).status);
export const submit = whenChosen(async () => (await import('./commands/submit.ts')).submit);
export const verify = whenChosen(async () => (await import('./commands/verify.ts')).verify);
export const work = whenChosen(async () => (await import('./commands/work.ts')).work);

/** Writes a failure that ends a command. Not at the start: it measures text as terminals show it. */
export const writeFailure = whenChosen(async () => (await import('./failure-text.ts')).writeFailure);

/** Says which variables of the environment are mistyped. Not at the start: mostly there are none. */
export const writeMistypedVariables = whenChosen(async () => (await import('./variables.ts')).writeMistypedVariables);
