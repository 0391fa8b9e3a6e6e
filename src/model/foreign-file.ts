/** What a file is that was taken for a safetensors file and is none, by its first bytes, and what to do about it. */

export interface ForeignFile {
  /** Follows "It is". */
  what: string;
  remedy: string;
}

const CONVERT = 'Save its tensors as safetensors (in Python: safetensors.torch.save_file).';

/** In the order in which they are tried. */
const KINDS: { begins: RegExp; what: string; remedy: string }[] = [
  {
    begins: /^version https:\/\/git-lfs/,
    what: 'a pointer of Git LFS: the file itself has not been fetched',
    remedy: 'Fetch it with `git lfs pull`.',
  },
  {
    begins: /^(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|body)/i,
    what: 'a web page: something else was downloaded than the file',
    remedy: "Download the file itself: of Hugging Face's pages, the address with /resolve/ instead of /blob/.",
  },
  {
    begins: /^PK(\x03\x04|\x05\x06)/,
    what: 'a zip archive, as PyTorch writes it (such as pytorch_model.bin)',
    remedy: CONVERT,
  },
  { begins: /^\x80[\x02-\x05]/, what: "a pickle of Python's, as old versions of PyTorch write it", remedy: CONVERT },
  {
    begins: /^GGUF/,
    what: 'a GGUF file, as llama.cpp has it',
    remedy: 'Name the file itself as the "model", with the ending .gguf.',
  },
  { begins: /^\x89HDF\r\n/, what: 'an HDF5 file, as Keras writes it', remedy: CONVERT },
  { begins: /^\x93NUMPY/, what: 'an array of NumPy', remedy: CONVERT },
  { begins: /^(\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd)/, what: 'a compressed file', remedy: 'Unpack it.' },
  { begins: /^\x7fELF/, what: 'a program', remedy: 'Put the checkpoint there.' },
  {
    begins: /^\s*[{[]/,
    what: 'a text of JSON, such as the index of a checkpoint in several parts',
    remedy: 'Put the checkpoint itself there, as one file.',
  },
];

/** @param start the first bytes of the file */
export function foreignFile(start: Uint8Array): ForeignFile | undefined {
  const text = Buffer.from(start).toString('latin1');
  return KINDS.find(({ begins }) => begins.test(text));
}
