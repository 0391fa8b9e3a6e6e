/** The decoder families, by the names that configurations give them. A new one is a file beside this one and a line. */
export { gpt2 } from './gpt2.ts';
export { llama } from './llama.ts';
