/** The families of which Hugging Face publishes models, by the `model_type` of their configurations. */
import type { PublishedFamily } from './published-family.ts';
import { publishedGpt2 } from './published-gpt2.ts';
import { publishedLlama } from './published-llama.ts';

export const PUBLISHED: Readonly<Record<string, PublishedFamily>> = { gpt2: publishedGpt2, llama: publishedLlama };
