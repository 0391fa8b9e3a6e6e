/** What a family says of its models as Hugging Face publishes them: configurations, and the names in their files. */
import type { ConfigFields } from '../config-fields.ts';
import type { ModelConfig } from './family.ts';

/** A published model's configuration as a family has it. */
export type PublishedConfig = ModelConfig & {
  /** Whether the embedding makes the logits, too. */
  tiedHead: boolean;
};

export interface PublishedFamily {
  /** Classes of transformers whose checkpoints are read. */
  architectures: readonly string[];
  /**
   * Takes every field that the family knows.
   * @returns with defaults in the place of what is wrong, which `fields.mistakes` has
   */
  config(fields: ConfigFields): PublishedConfig;
  /** What Hugging Face calls fields of the configuration, where messages of DecoderFamily.problem name them. */
  fieldNames: Readonly<Record<string, string>>;
  /** Fields that change nothing that swp computes, besides those of every family. */
  ignored: readonly string[];
  /** What names of tensors begin with that may also stand in a file without it. */
  prefix: string;
  /** Names of the matrices that embed tokens and make logits. */
  embedding: string;
  head: string;
  /** Whether a tensor, by its name in swp, stands in the file as [in, out]. */
  isTransposed(name: string): boolean;
  /** Tensors of a file that are no parameters, by their names without the prefix. */
  isBuffer(name: string): boolean;
}
