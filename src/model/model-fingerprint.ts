/**
 * What a model's family says of its tensors, for the keys of nodes whose results depend on it. The code of the families
 * is in no stage's code fingerprint. Instead, keys hold the facts that a stage reads, so that a new family, or a change
 * of another fact, makes nothing be computed again.
 */
import { digestJson } from '../base/digest.ts';
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { everyLayer, parameterShapes } from './decoder/decoder-graph.ts';
import { familyOf, tensorsOf } from './decoder/family-of.ts';
import type { MatrixFacts, ModelConfig, TensorTable } from './decoder/family.ts';
import { readModelConfig } from './model-config.ts';
import { pretrainingSteps } from './pretraining.ts';

type Fact = keyof MatrixFacts;

/** Names and shapes of the tensors. */
export async function parametersFingerprint(model: string): Promise<JsonObject> {
  return { parameters: Object.fromEntries(parameterShapes(await readModelConfig(model))) };
}

/** Names and shapes of the tensors, and a digest of how schemes draw them. */
export async function initialisationFingerprint(model: string): Promise<JsonObject> {
  return { ...(await parametersFingerprint(model)), ...(await tensorsFingerprint(model, ['role', 'deviation'])) };
}

/** A digest of these facts of every tensor. */
export function tensorsFingerprint(model: string, facts: readonly Fact[]): Promise<JsonObject> {
  return once(JSON.stringify([model, facts]), async () => digestOf(tensorsOf(await readModelConfig(model)), facts));
}

/** The same of the facts that a detection reads. */
export function detectionFingerprint(model: string): Promise<JsonObject> {
  return once(JSON.stringify([model, 'detection']), async () => {
    const config = await readModelConfig(model);
    return {
      ...digestOf(tensorsOf(config), ['role', 'layer']),
      ...downProjections(config),
      readers: readersOf(config),
    };
  });
}

const fingerprints = new Map<string, Promise<JsonObject>>();

/** Every node of a study asks: computed once. */
function once(identity: string, compute: () => Promise<JsonObject>): Promise<JsonObject> {
  const fingerprint = fingerprints.get(identity) ?? compute();
  fingerprints.set(identity, fingerprint);
  return fingerprint;
}

/** The same of the facts that drawing a model's weights and planting a spike in them read. */
export function plantingFingerprint(config: ModelConfig): JsonObject {
  const { embedding, activation } = familyOf(config).mlpChannel(0, config);
  return {
    ...digestOf(tensorsOf(config), ['shape', 'role', 'layer', 'deviation', 'writesResidual']),
    ...downProjections(config),
    // Rounded: the last bits of exponentials depend on the JavaScript engine.
    channel: {
      embedding,
      readers: readersOf(config),
      activation: [0.5, 1, 4].map((y) => activation(y).toPrecision(9)),
    },
  };
}

/** The tensors of a model; undefined if there is no such model, or its configuration is damaged. */
export async function tensorsIfKnown(model: string): Promise<TensorTable | undefined> {
  try {
    return tensorsOf(await readModelConfig(model));
  } catch (error) {
    if (error instanceof SwpError && ['file', 'content', 'study', 'several'].includes(error.failure.kind))
      return undefined;
    throw error;
  }
}

/**
 * Digests of what tables call the tensors; null of a model that is not known.
 * @param models as locateModel gives them, by what reports call them
 */
export async function namesFingerprint(models: ReadonlyMap<string, string>): Promise<JsonObject> {
  const names: JsonObject = {};
  for (const [label, model] of models) {
    const tensors = await tensorsIfKnown(model);
    names[label] = tensors === undefined ? null : digestOf(tensors, ['kind', 'layer']).tensors!;
  }
  return { names };
}

/** A digest of what the hidden units of each layer read the residual stream by. */
function readersOf(config: ModelConfig): JsonObject {
  const readers = everyLayer(config).map((layer) =>
    familyOf(config)
      .mlpChannel(layer, config)
      .readers.map((reader): JsonObject => ({ ...reader })),
  );
  return { readers: digestJson(readers) };
}

/** For how long the same models' checkpoints were trained; null where that is not known. */
export async function pretrainingFingerprint(models: ReadonlyMap<string, string>): Promise<JsonObject> {
  const pretraining: JsonObject = {};
  for (const [label, model] of models) pretraining[label] = (await pretrainingSteps(model)) ?? null;
  return { pretraining };
}

function downProjections(config: ModelConfig): JsonObject {
  return {
    downProjections: everyLayer(config).map((layer) => familyOf(config).downProjection(layer)),
  };
}

function digestOf(tensors: TensorTable, facts: readonly Fact[]): JsonObject {
  return {
    tensors: digestJson(
      [...tensors].map(([name, tensor]) => [
        name,
        ...facts.map((fact) => (tensor as Partial<MatrixFacts>)[fact] ?? null),
      ]),
    ),
  };
}
