/** What other programs import: `import { openStudy } from 'super-weight-pruning'`. docs/api.md describes it. */
export { SwpError, type Failure } from './base/failure.ts';
export type { StudyResults } from './report/read-results.ts';
export type { SwpEvent } from './engine/event.ts';
export { openStudy } from './project/open-study.ts';
export type { MetricsRow, NodeJson } from './project/node-rows.ts';
export type { NodeRecord, OpenOptions, OpenStudy, RunOptions, RunOutcome, StudyReport } from './project/open-study.ts';

/** For stages that are programs: docs/stages.md describes them. */
export { runStageProgram, type StageProgramJob } from './engine/stage-program.ts';
export type { GatheredArtifact, Metrics, Progress } from './engine/stage.ts';
export { readSafetensors, writeSafetensors, type SafetensorsFile } from './model/safetensors.ts';
export type { FloatTensor, Masks, Tensor, Weights } from './model/language-model.ts';
export type { TensorFacts, TensorTable } from './model/decoder/model-facts.ts';
export { modelTensors, readWeights } from './model/weights-file.ts';
export { readMasks, writeMasks } from './model/mask-file.ts';
export { writePruning } from './science/pruning-outputs.ts';
export type { Pruning } from './generated/pruning.ts';
