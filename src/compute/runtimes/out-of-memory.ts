/** Recognises that a device ran out of memory by the messages of CUDA, ONNX Runtime, TensorFlow and WebGPU. */
const WORDS = [
  /CUDA (error|failure)[^\n]*out of memory/i,
  /cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY/,
  /CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED/,
  /Failed to allocate memory for requested buffer of size/,
  /Available memory of \d+ is smaller than requested bytes/,
  /OOM when allocating tensor/,
  /out of (device )?memory[^\n]*(GPU|device|buffer)|(GPU|device)[^\n]*out of memory/i,
];

export function isOutOfDeviceMemory(message: string): boolean {
  return WORDS.some((words) => words.test(message));
}
