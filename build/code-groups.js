/**
 * What enters a key, declared module by module. Every module that a stage or a worker can reach belongs to exactly one
 * group; the build refuses one that belongs to none or to two, and a line whose file is gone. So no module gets into a
 * key, or out of it, because somebody moved or renamed a file.
 *
 * Of a module in doubt: `results`. There a change costs too much at worst; in any other group it may change a result
 * while every key stays, which nobody would notice.
 *
 * code-fingerprints.js turns this into fingerprints; docs/hashing.md says what they do in keys.
 */

/**
 * By group: why its modules belong together, and `through`: whether what is reached only through one of them counts all
 * the same. It does not where whatever the group does with it ends in the key already, or in no result. `tables`:
 * modules that list others; what they import belongs to the group unless it has a line of its own.
 */
export const GROUPS = {
  results: {
    why: 'computes what is in an artifact, or writes it',
    through: true,
    modules: [
      // Whole folders stand in this group alone: what is added there counts before anybody thinks of it. What counts
      // for nothing there has a line of its own below.
      'stages/',
      'src/science/',
      'src/base/decimal-product.ts',
      'src/base/element-count.ts',
      'src/base/extremes.ts',
      'src/base/glob.ts',
      'src/base/groups.ts',
      'src/base/json-artifact.ts',
      'src/base/listed.ts',
      'src/base/number-text.ts',
      'src/base/packed-bits.ts',
      'src/base/random.ts',
      'src/base/sample-mean.ts',
      'src/base/standard-error.ts',
      'src/base/stated-math.ts',
      'src/compute/autodiff/recomputation.ts', // of the graphs that have it, it is not the hash that is in the key
      'src/compute/runtimes/runtime.ts',
      'src/compute/runtimes/subnormals.ts',
      'src/compute/training/adamw-graph.ts',
      'src/compute/training/create-trainer.ts',
      'src/compute/training/device-trainer.ts',
      'src/compute/training/learning-rate.ts',
      'src/compute/training/optimizer-kernel.ts',
      'src/compute/training/packing.ts',
      'src/compute/training/parameter-kernel.ts',
      'src/compute/training/parameter-memory.ts',
      'src/compute/training/host-trainer.ts',
      'src/model/block-matrices.ts',
      'src/model/create-language-model.ts',
      'src/model/evaluate.ts',
      'src/model/cut-off-units.ts',
      'src/model/fixed-batches.ts',
      'src/model/layered-pass.ts',
      'src/model/learned-sample.ts',
      'src/model/learned-weights.ts',
      'src/model/mask-file.ts',
      'src/model/next-token.ts',
      'src/model/half-floats.ts',
      'src/model/decoder/published.ts',
      'src/model/decoder/published-gpt2.ts',
      'src/model/decoder/published-llama.ts',
      'src/model/safetensors-header.ts',
      'src/model/safetensors-reader.ts',
      'src/model/safetensors.ts',
      'src/model/published-folder.ts',
      'src/model/published-gguf.ts',
      'src/model/open-published.ts',
      'src/model/ggml-blocks.ts',
      'src/model/gguf.ts',
      'src/model/gguf-bytes.ts',
      'src/model/gguf-header.ts',
      'src/model/gguf-rotary.ts',
      'src/model/published-model.ts',
      'src/model/sequence-losses.ts',
      'src/model/stored-tensors.ts',
      'src/model/tensor-selection.ts',
      'src/model/gguf-tokenizer.ts',
      'src/model/model-tokenizer.ts',
      'src/model/text-files.ts',
      'src/model/text-parts.ts',
      'src/model/token-file.ts',
      'src/model/training-session.ts',
      'src/model/training-shape.ts',
      'src/model/weights-file.ts',
    ],
  },

  engine: {
    why: 'executes graphs: `computes.runtime` (and `computes.steps`) of the nodes that declare this engine',
    through: false,
    modules: [
      'src/compute/runtimes/onnx/onnx-library.ts',
      'src/compute/runtimes/onnx/onnx-runtime.ts',
      'src/compute/runtimes/onnx/open-model.ts',
      'src/compute/runtimes/onnx/session-options.ts',
      'src/compute/runtimes/onnx/training-step-model.ts',
      'src/compute/runtimes/onnx/training-step-runner.ts',
      'src/compute/runtimes/onnx/viewing-session.ts',
      'src/compute/runtimes/training-step-program.ts',
      'src/compute/runtimes/tensorflow/libtensorflow.ts',
      'src/compute/runtimes/tensorflow/native-backend.ts',
      'src/compute/runtimes/tensorflow/node-compatibility.ts',
      'src/compute/runtimes/tensorflow/operators.ts',
      'src/compute/runtimes/tensorflow/session-constants.ts',
      'src/compute/runtimes/tensorflow/tensorflow-backend.ts',
      'src/compute/runtimes/tensorflow/tensorflow-package.ts',
      'src/compute/runtimes/tensorflow/tensorflow-runtime.ts',
      'src/compute/runtimes/tensorflow/tensorflow-session.ts',
    ],
  },

  corpus: {
    why: 'makes the sequences of a corpus: `computes.corpusCode` of the nodes whose model has this corpus',
    through: false,
    modules: [
      'src/model/corpora.ts',
      'src/model/corpus.ts',
      'src/model/marker-retrieval.ts',
      'src/model/text-corpus.ts',
    ],
  },

  graph: {
    why: 'makes the graph and translates it: its effect is in the hash of the graph (`computes.graph`, `computes.step`) and in what else `computes` says of the model',
    through: false,
    // A new decoder family is a file and a line in this table: its graph is in the graph's hash, and the facts that it
    // declares are in the keys of the stages that read them (src/model/model-fingerprint.ts).
    tables: ['src/model/decoder/families.ts'],
    modules: [
      'src/compute/autodiff/gradient-sums.ts',
      'src/compute/autodiff/gradients.ts',
      'src/compute/autodiff/rules.ts',
      'src/compute/graph/graph.ts',
      'src/compute/graph/operation.ts',
      'src/compute/graph/shape.ts',
      'src/compute/graph/table.ts',
      'src/compute/runtimes/exact/body.ts',
      'src/compute/runtimes/exact/functions.ts',
      'src/compute/runtimes/exact/lowering/elementwise.ts',
      'src/compute/runtimes/exact/lowering/emitter.ts',
      'src/compute/runtimes/exact/lowering/groups.ts',
      'src/compute/runtimes/exact/lowering/kernel-builder.ts',
      'src/compute/runtimes/exact/lowering/lookups.ts',
      'src/compute/runtimes/exact/lowering/lower.ts',
      'src/compute/runtimes/exact/lowering/maps.ts',
      'src/compute/runtimes/exact/lowering/phases.ts',
      'src/compute/runtimes/exact/lowering/products.ts',
      'src/compute/runtimes/exact/lowering/softmax.ts',
      'src/compute/runtimes/exact/lowering/structure.ts',
      'src/compute/runtimes/exact/lowering/sums.ts',
      'src/compute/runtimes/exact/lowering/values.ts',
      'src/compute/runtimes/exact/lowering/view.ts',
      'src/compute/runtimes/onnx/compositions.ts',
      'src/compute/runtimes/onnx/dialect.ts',
      'src/compute/runtimes/onnx/fused-additions.ts',
      'src/compute/runtimes/onnx/lowering.ts',
      'src/compute/runtimes/onnx/model-parts.ts',
      'src/compute/runtimes/onnx/onnx-model.ts',
      'src/compute/runtimes/onnx/protobuf.ts',
      'src/model/decoder/decoder-graph.ts',
      'src/model/training-graph.ts',
      'src/model/decoder/families.ts',
      'src/model/decoder/family-of.ts',
      'src/model/decoder/family.ts',
      'src/model/decoder/model-facts.ts',
      'src/model/decoder/rotary-frequencies.ts',
    ],
  },

  declaration: {
    why: 'declares a stage whose body is a module of its own: all that it says stands in the key (name, `params`, `files`, `inputs`, `computes`) or changes no result (summaries, resources, what there is to resume from)',
    through: true,
    modules: [
      'stages/aggregate.ts',
      'stages/detect-sw.ts',
      'stages/eval.ts',
      'stages/init.ts',
      'stages/load-pretrained.ts',
      'stages/plant-spikes.ts',
      'stages/prune.ts',
      'stages/rate-detector.ts',
      'stages/rewind.ts',
      'stages/tokenize.ts',
      'stages/train.ts',
    ],
  },

  ingredient: {
    why: 'makes or checks an ingredient of keys: what it makes stands in the key itself (`params`, `files`, `computes`)',
    through: false,
    modules: [
      // Of the parameters the key has the values, defaults filled in.
      'schemas/stages/aggregate.schema.json',
      'schemas/stages/detect-sw.schema.json',
      'schemas/stages/eval.schema.json',
      'schemas/stages/init.schema.json',
      'schemas/stages/load-pretrained.schema.json',
      'schemas/stages/plant-spikes.schema.json',
      'schemas/stages/prune.schema.json',
      'schemas/stages/rate-detector.schema.json',
      'schemas/stages/rewind.schema.json',
      'schemas/stages/tokenize.schema.json',
      'schemas/stages/train.schema.json',
      // Of a model's configuration: the graph, the parameters and the corpus that follow from it.
      'src/model/model-config.ts',
      'src/model/model-name.ts',
      'src/base/readable-names.ts',
      'src/model/parse-config.ts',
      'src/model/config-fields.ts',
      'src/model/published-config.ts',
      'src/model/unsupported-fields.ts',
      'src/model/model-files.ts',
      'src/model/stand-in.ts',
      'src/base/file-digests.ts',
      'src/base/digest.ts',
      'src/base/regular-file.ts',
      'src/base/json.ts',
      'src/compute/runtimes/engine-version.ts',
      'src/compute/runtimes/exact/arithmetic-version.ts',
      'src/compute/runtimes/exact/graph-hash.ts',
      'src/compute/runtimes/onnx/graph-hash.ts',
      'src/model/graph-fingerprint.ts',
      'src/model/model-fingerprint.ts',
      // Which defaults parameters have: `params`.
      'src/model/model-size.ts',
      'src/model/pretraining.ts',
      // Of the models of a shape: `computes.published`.
      'src/science/published-super-weights.ts',
    ],
  },

  carrier: {
    why: 'carries parameters, paths, messages and graphs from one module to another and makes no number',
    through: true,
    modules: [
      'src/base/file-stamp.ts',
      'src/base/atomic-file.ts',
      'src/base/sealed-json.ts',
      'src/base/bounded-json.ts',
      'schemas/stage-manifest.schema.json',
      'src/base/held-folder.ts',
      'src/base/virtual-file.ts',
      'src/engine/make-artifact.ts',
      'src/base/ieee-arithmetic.ts',
      'src/base/quantity-text.ts',
      'src/base/installed-build.ts',
      'src/base/package-root.ts',
      'src/engine/executable-stage.ts',
      'src/engine/line-splitter.ts',
      'src/engine/params-schema.ts',
      'src/engine/program-output.ts',
      'src/engine/stage-manifest.ts',
      'src/base/json-source.ts',
      'src/engine/executors/local/worker-message.ts',
      'src/engine/executors/local/worker.ts',
      'src/engine/stage-module.ts',
      'src/engine/stage.ts',
      'src/model/model-stage.ts',
      // A table of the engines: which one runs is a parameter, and its name and version are in `computes.engine`.
      'src/compute/runtimes/open-session.ts',
      // Its name and version are in `computes.engine`.
      'src/compute/runtimes/onnx/onnx-package.ts',
      // Whether a session was used before changes nothing that is computed.
      'src/model/session-pool.ts',
      // Lets messages through between two runs of a graph.
      'src/compute/runtimes/event-loop.ts',
    ],
  },

  generator: {
    why: 'executes the programs of the exact engine: to the same bits, whatever it makes of them, so that a better one costs nobody a result',
    through: false,
    modules: [
      'src/compute/runtimes/exact/check-body.ts',
      'src/compute/runtimes/exact/check-kernel.ts',
      'src/compute/runtimes/exact/check-program.ts',
      'src/compute/runtimes/exact/exact-runtime.ts',
      'src/compute/runtimes/exact/exact-session.ts',
      'src/compute/runtimes/exact/generators.ts',
      'src/compute/runtimes/exact/language.ts',
      'src/compute/runtimes/exact/reach.ts',
      'src/compute/runtimes/exact/wasm/addresses.ts',
      'src/compute/runtimes/exact/wasm/batch.ts',
      'src/compute/runtimes/exact/wasm/function-writer.ts',
      'src/compute/runtimes/exact/wasm/map-kernel.ts',
      'src/compute/runtimes/exact/wasm/memory-layout.ts',
      'src/compute/runtimes/exact/wasm/module.ts',
      'src/compute/runtimes/exact/wasm/product-kernel.ts',
      'src/compute/runtimes/exact/wasm/transpose-kernel.ts',
      'src/compute/runtimes/exact/wasm/wasm-generator.ts',
      'src/compute/runtimes/exact/x86/code-buffer.ts',
      'src/compute/runtimes/exact/x86/encoder.ts',
      'src/compute/runtimes/exact/x86/executable-memory.ts',
      'src/compute/runtimes/exact/x86/instructions.ts',
      'src/compute/runtimes/exact/x86/kernel-code.ts',
      'src/compute/runtimes/exact/x86/lifetimes.ts',
      'src/compute/runtimes/exact/x86/map-body.ts',
      'src/compute/runtimes/exact/x86/map-kernel.ts',
      'src/compute/runtimes/exact/x86/processor.ts',
      'src/compute/runtimes/exact/x86/product-kernel.ts',
      'src/compute/runtimes/exact/x86/product-tile.ts',
      'src/compute/runtimes/exact/x86/product-tiles.ts',
      'src/compute/runtimes/exact/x86/program-memory.ts',
      'src/compute/runtimes/exact/x86/streams.ts',
      'src/compute/runtimes/exact/x86/transpose-kernel.ts',
      'src/compute/runtimes/exact/x86/vector-registers.ts',
      'src/compute/runtimes/exact/x86/x86-generator.ts',
    ],
  },

  refusal: {
    why: 'says that and why something cannot be done: a node that is refused has no result, and a better word must cost nobody one',
    through: true,
    modules: [
      'src/base/failure.ts',
      'src/base/compile-schema.ts',
      'src/generated/compiled-schemas.ts',
      'src/base/file-failure.ts',
      'src/base/json-mistakes.ts',
      'src/base/repeated-name.ts',
      'src/base/nearest-name.ts',
      'src/base/system-error.ts',
      'src/base/visible-text.ts',
      'src/compute/runtimes/onnx/execution-provider.ts',
      'src/compute/runtimes/onnx/native-libraries.ts',
      'src/model/finite-tensors.ts',
      'src/model/foreign-file.ts',
      'schemas/artifacts/pruning.schema.json',
      'src/science/pruning-check.ts',
      'stages/bodies/check-pruning.ts',
      'src/model/model-session.ts',
    ],
  },

  estimate: {
    why: 'says beforehand how much there is to compute, or that it cannot be computed, and nothing else',
    through: false,
    modules: [
      'src/base/machine-memory.ts', // decides whether a training computes again, which changes no bit
      'src/base/slurm-allocation.ts', // the same
      'src/compute/graph/flops.ts',
      'src/compute/graph/memory.ts',
      'src/model/pass-graph.ts',
      'src/science/optimizer-problems.ts',
      'src/science/param-problems.ts',
      'src/science/stage-work.ts',
      'src/science/tokenizing-work.ts',
      'src/science/weights-work.ts',
    ],
  },
};

/** The groups of which a module counts in the code of the stages that reach it. */
export const STAGE_GROUPS = ['results'];

/**
 * The engines: where their code begins, and the groups of which a module counts that it reaches. The translation to
 * ONNX is in the graph's hash; TensorFlow reads the graph itself, so what it reads it by counts.
 */
export const ENGINES = {
  onnx: { module: 'src/compute/runtimes/onnx/onnx-runtime.ts', groups: ['results', 'engine'] },
  // Its programs are in the graph's hash. What executes them gives the same bits, and counts for nothing.
  exact: { module: 'src/compute/runtimes/exact/arithmetic-version.ts', groups: ['results', 'engine'] },
  onnxSteps: { module: 'src/compute/runtimes/onnx/training-step-runner.ts', groups: ['results', 'engine'] },
  tensorflow: {
    module: 'src/compute/runtimes/tensorflow/tensorflow-runtime.ts',
    groups: ['results', 'engine', 'graph'],
  },
};

/** The corpora: where their code begins, and the groups that count in it. By the names that models give them; texts. */
export const CORPORA = {
  'marker-retrieval': { module: 'src/model/marker-retrieval.ts', groups: ['results', 'corpus'] },
  'marker-retrieval-no-bos': { module: 'src/model/marker-retrieval.ts', groups: ['results', 'corpus'] },
  text: { module: 'src/model/text-corpus.ts', groups: ['results', 'corpus'] },
};

/** What a worker process runs, besides the stages. */
export const WORKER = 'src/engine/executors/local/worker.ts';

/** What renders the report of a study: all that it reaches counts, in no key but in the stamp of the report. */
export const RENDERER = 'src/report/render-report.ts';
